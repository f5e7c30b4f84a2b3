"""Detection and classification mAP: against the definition written out, and hand-made cases."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.detections import THRESHOLDS, Spans, classification_map, detection_map


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 3)


def spans(*rows: tuple[float, float, int, float]) -> Spans:
    """Rows of start, end, class and score."""
    array = np.array(rows, np.float64).reshape(-1, 4)
    return Spans(array[:, :2], array[:, 2].astype(int), array[:, 3])


def draw(random: np.random.Generator, count: int) -> Spans:
    start = random.uniform(0, 80, count)
    length = random.uniform(5, 40, count)
    scores = random.permutation(10_000)[:count] / 10_000 + random.uniform(0, 1e-5)  # no two are equal
    return Spans(np.stack([start, start + length], 1), random.integers(0, 3, count), scores)


def plain_map(predicted: list[Spans], true: list[Spans], threshold: float) -> float:
    """The definition of the official evaluation, one prediction after the other."""
    areas = []
    for label in sorted({int(each) for video in true for each in video.classes_N}):
        rows = [
            (video.scores_N[i], number, video.spans_N2[i])
            for number, video in enumerate(predicted)
            for i in range(len(video.spans_N2))
            if video.classes_N[i] == label
        ]
        targets = {
            (number, i): video.spans_N2[i]
            for number, video in enumerate(true)
            for i in range(len(video.spans_N2))
            if video.classes_N[i] == label
        }
        taken: set[tuple[int, int]] = set()
        points = [(0.0, 0.0)]
        right = 0
        for rank, (_, number, (start, end)) in enumerate(sorted(rows, key=lambda row: -row[0]), 1):
            overlaps = []
            for key, (first, last) in targets.items():
                if key[0] == number and key not in taken:
                    shared = max(0.0, min(end, last) - max(start, first))
                    overlaps.append((shared / (end - start + last - first - shared), key))
            if overlaps and max(overlaps)[0] >= threshold:
                taken.add(max(overlaps)[1])
                right += 1
            points.append((right / len(targets), right / rank))
        area = 0.0
        for index in range(1, len(points)):
            area += (points[index][0] - points[index - 1][0]) * max(precision for _, precision in points[index:])
        areas.append(area)
    return float(np.mean(areas))


@pytest.mark.parametrize("seed", range(8))
def test_detection_map_equals_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted = [draw(random, int(random.integers(0, 30))) for _ in range(6)]
    true = [draw(random, int(random.integers(1, 5))) for _ in range(6)]
    expected = [plain_map(predicted, true, threshold) for threshold in THRESHOLDS]
    found = [interval.value for interval in detection_map(predicted, true)]
    assert found[:-1] == pytest.approx(expected)
    assert found[-1] == pytest.approx(np.mean(expected))


def test_detection_map_counts_a_second_match_and_another_class_as_wrong() -> None:
    true = [spans((0, 10, 1, 0)), spans((0, 10, 2, 0))]
    perfect = [spans((0, 10, 1, 0.9)), spans((0, 10, 2, 0.8))]
    assert detection_map(perfect, true)[-1].value == 1
    repeated = [spans((0, 10, 1, 0.9), (0, 10, 1, 0.95)), spans((0, 10, 1, 0.8))]
    assert detection_map(repeated, true)[0].value == 0.5  # class 2 has no prediction
    shifted = [spans((2, 10, 1, 0.9)), spans((0, 10, 2, 0.8))]
    assert [round(interval.value, 2) for interval in detection_map(shifted, true)] == [1.0] * 7 + [0.5] * 3 + [0.85]
    assert detection_map([spans(), spans()], true)[-1].value == 0


def test_detection_map_refuses_other_lengths_and_no_true_spans() -> None:
    with pytest.raises(InvalidInput):
        detection_map([spans()], [])
    with pytest.raises(InvalidInput):
        detection_map([spans()], [spans()])


@pytest.mark.parametrize("seed", range(4))
def test_classification_map_equals_interpolated_precision_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(40, 5))
    relevant = random.uniform(size=(40, 5)) < 0.2
    relevant[:, 4] = False
    areas = []
    for column in range(4):
        precision, recall, _ = precision_recall_curve(relevant[:, column], scores[:, column])
        best = np.maximum.accumulate(precision)  # recall descends
        areas.append(float(-(np.diff(recall) * best[:-1]).sum()))
    assert classification_map(scores, relevant).value == pytest.approx(np.mean(areas))


def test_classification_map_refuses_other_shapes() -> None:
    with pytest.raises(InvalidInput):
        classification_map(np.zeros((2, 3)), np.zeros((2, 2), np.bool_))


def test_detection_map_of_samples_equals_that_of_repeated_videos() -> None:
    random = np.random.default_rng(9)
    predicted = [draw(random, int(random.integers(0, 30))) for _ in range(6)]
    true = [draw(random, int(random.integers(1, 5))) for _ in range(6)]

    def repeat(rows: np.ndarray) -> np.ndarray:
        repeated = detection_map([predicted[row] for row in rows], [true[row] for row in rows])
        return np.array([interval.value for interval in repeated])

    for found, expected in zip(detection_map(predicted, true), bootstrap_rows(6, None, repeat), strict=True):
        assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("interpolated", [True, False])
def test_classification_map_of_samples_equals_that_of_repeated_files(interpolated: bool) -> None:
    random = np.random.default_rng(10)
    scores, relevant = random.integers(0, 9, (20, 4)) / 9.0, random.random((20, 4)) < 0.3
    groups = np.arange(20) // 3

    def repeat(rows: np.ndarray) -> np.ndarray:
        return np.array([classification_map(scores[rows], relevant[rows], interpolated=interpolated).value])

    found = classification_map(scores, relevant, groups, interpolated=interpolated)
    (expected,) = bootstrap_rows(20, groups, repeat)
    assert [found.value, found.low, found.high] == pytest.approx([expected.value, expected.low, expected.high])
