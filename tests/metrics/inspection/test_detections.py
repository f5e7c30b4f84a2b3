"""Boxes, average precision, masks and calibration, against torchvision, pycocotools and more."""

from __future__ import annotations

import contextlib
import io
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import f1_score, jaccard_score
from torchmetrics.functional.classification import binary_calibration_error
from torchvision.ops import box_iou as torchvision_box_iou

from mm.errors import InvalidInput
from mm.metrics.inspection import (
    Boxes,
    average_precision,
    box_iou,
    calibration_error,
    dice,
    mask_iou,
    match_boxes,
    mean_average_precision,
    measure_detection,
)

seeds = st.integers(0, 2**31)


def make_boxes(random: np.random.Generator, count: int, *, scored: bool) -> Boxes:
    low = random.integers(0, 30, (count, 2))
    corners = np.concatenate([low, low + random.integers(3, 20, (count, 2))], axis=1).astype(float)
    # Distinct scores: of equal ones COCO and this project may take either first.
    return Boxes(corners, tuple(random.choice(["open", "short"], count)), random.permutation(count) / 64 if scored else None)


def make_pairs(seed: int) -> list[tuple[Boxes, Boxes]]:
    random = np.random.default_rng(seed)
    pairs = [(make_boxes(random, random.integers(0, 8), scored=True), make_boxes(random, 5, scored=False)) for _ in range(4)]
    scores = random.permutation(sum(len(predicted.kinds) for predicted, _ in pairs)) / 64
    parts = np.split(scores, np.cumsum([len(predicted.kinds) for predicted, _ in pairs])[:-1])
    return [(Boxes(own.corners_P4, own.kinds, part), true) for (own, true), part in zip(pairs, parts, strict=True)]


@given(seed=seeds)
def test_box_iou_equals_torchvision(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = make_boxes(random, 6, scored=False).corners_P4, make_boxes(random, 4, scored=False).corners_P4
    np.testing.assert_allclose(box_iou(one, other), torchvision_box_iou(torch.tensor(one), torch.tensor(other)).numpy())


@settings(deadline=None, max_examples=20)
@given(seed=seeds, min_iou=st.sampled_from([0.3, 0.5]))
def test_average_precision_equals_pycocotools(seed: int, min_iou: float) -> None:
    pairs = make_pairs(seed)
    kinds = sorted({kind for _, true in pairs for kind in true.kinds})
    expected = measure_with_coco(pairs, kinds, min_iou)
    for kind, value in zip(kinds, expected, strict=True):
        assert average_precision(pairs, kind, min_iou) == pytest.approx(value, abs=1e-9)
    assert mean_average_precision(pairs, min_iou) == pytest.approx(np.mean(expected))


def measure_with_coco(pairs: list[tuple[Boxes, Boxes]], kinds: list[str], min_iou: float) -> list[float]:
    def rows(side: int) -> list[dict[str, object]]:
        return [
            {
                "id": number * 100 + index + 1, "image_id": number, "category_id": kinds.index(kind), "iscrowd": 0,
                "bbox": [*corners[:2], *(corners[2:] - corners[:2])], "area": float(np.prod(corners[2:] - corners[:2])),
                "score": 0.0 if pair[side].scores_P is None else float(pair[side].scores_P[index]),
            }
            for number, pair in enumerate(pairs)
            for index, (corners, kind) in enumerate(zip(pair[side].corners_P4, pair[side].kinds, strict=True))
            if kind in kinds
        ]  # fmt: skip

    categories = [{"id": index, "name": kind} for index, kind in enumerate(kinds)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        for index, side in ((found, 0), (truth, 1)):
            index.dataset = {
                "images": [{"id": number} for number in range(len(pairs))],
                "categories": categories,
                "annotations": rows(side),
            }
            index.createIndex()
        run = COCOeval(truth, found, "bbox")
        run.params.iouThrs = np.array([min_iou])
        run.evaluate()
        run.accumulate()
    return [float(run.eval["precision"][0, :, index, 0, 2].mean()) for index in range(len(kinds))]


@given(seed=seeds)
def test_match_boxes_equals_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted, true = make_boxes(random, 6, scored=True), make_boxes(random, 5, scored=False)
    iou = box_iou(predicted.corners_P4, true.corners_P4)
    assert predicted.scores_P is not None
    expected, taken = [-1] * 6, set()
    for index in sorted(range(6), key=lambda row: -predicted.scores_P[row]):
        free = [(iou[index, other], -other) for other in range(5) if other not in taken and iou[index, other] >= 0.2]
        if free:
            expected[index] = -max(free)[1]
            taken.add(expected[index])
    assert match_boxes(predicted, true, 0.2).tolist() == expected


def test_measure_detection_counts_places_and_kinds_apart() -> None:
    true = Boxes(np.array([[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]], float), ("open", "short", "spur"))
    corners = np.array([[1, 0, 11, 10], [20, 21, 30, 31], [0, 1, 10, 11], [70, 70, 80, 80]], float)
    predicted = Boxes(corners, ("open", "spur", "open", "open"), np.array([0.9, 0.8, 0.7, 0.6]))
    counts = measure_detection([(predicted, true)], 0.33)
    assert (counts.num_predicted, counts.num_true, counts.num_matched) == (4, 3, 2)
    assert counts.precision == 0.5
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.f1 == pytest.approx(4 / 7)
    assert counts.kind_accuracy == 0.5
    assert counts.f1_with_kind == pytest.approx(2 / 7)
    assert measure_detection([], 0.33).f1 == 1.0


@pytest.mark.parametrize(
    ("corners", "kinds", "scores"),
    [
        (np.zeros((1, 3)), ("a",), None),
        (np.array([[0.0, 0.0, 0.0, 1.0]]), ("a",), None),
        (np.array([[0.0, 0.0, np.nan, 1.0]]), ("a",), None),
        (np.array([[0.0, 0.0, 1.0, 1.0]]), (), None),
        (np.array([[0.0, 0.0, 1.0, 1.0]]), ("a",), np.zeros(2)),
    ],
    ids=["three columns", "no width", "not finite", "no kind", "two scores"],
)
def test_boxes_of_invalid_arrays_raise_invalid_input(
    corners: np.ndarray, kinds: tuple[str, ...], scores: np.ndarray | None
) -> None:
    with pytest.raises(InvalidInput):
        Boxes(corners, kinds, scores)


def test_average_precision_without_scores_or_true_boxes_raises_invalid_input() -> None:
    box = Boxes(np.array([[0.0, 0.0, 1.0, 1.0]]), ("a",))
    with pytest.raises(InvalidInput, match="score"):
        average_precision([(box, box)], "a", 0.5)
    with pytest.raises(InvalidInput, match="kind 'b'"):
        average_precision([(box, box)], "b", 0.5)
    with pytest.raises(InvalidInput):
        mean_average_precision([], 0.5)


@given(seed=seeds)
def test_dice_and_mask_iou_equal_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.random((6, 7)) < 0.4, random.random((6, 7)) < 0.5
    one[0, 0] = other[0, 0] = True
    assert dice(one, other) == pytest.approx(f1_score(other.ravel(), one.ravel()))
    assert mask_iou(one, other) == pytest.approx(jaccard_score(other.ravel(), one.ravel()))


def test_dice_of_empty_masks_is_one_and_of_other_shapes_raises_invalid_input() -> None:
    empty = np.zeros((3, 3), bool)
    assert dice(empty, empty) == mask_iou(empty, empty) == 1.0
    assert dice(empty, ~empty) == mask_iou(~empty, empty) == 0.0
    with pytest.raises(InvalidInput):
        dice(empty, np.zeros((3, 4), bool))
    with pytest.raises(InvalidInput):
        mask_iou(empty, np.zeros((3, 3)))


@settings(deadline=None)
@given(seed=seeds, num_bins=st.sampled_from([1, 10, 15]))
def test_calibration_error_equals_torchmetrics(seed: int, num_bins: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.random(50)
    right = random.random(50) < confidence**2
    expected = binary_calibration_error(torch.tensor(confidence), torch.tensor(right).int(), n_bins=num_bins, norm="l1")
    assert calibration_error(confidence, right, num_bins) == pytest.approx(float(expected), abs=1e-6)


def test_calibration_error_of_invalid_confidences_raises_invalid_input() -> None:
    for confidence, right in (
        (np.zeros(0), np.zeros(0, bool)),
        (np.array([1.5]), np.ones(1, bool)),
        (np.ones(2), np.ones(1, bool)),
    ):
        with pytest.raises(InvalidInput):
            calibration_error(confidence, right)


def test_permutations_of_images_do_not_change_average_precision() -> None:
    pairs = make_pairs(3)
    values = {round(mean_average_precision(list(order), 0.3), 12) for order in permutations(pairs)}
    assert len(values) == 1
