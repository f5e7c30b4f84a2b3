"""Detection, proposals and recognition equal the official evaluation of ActivityNet."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.metrics import recall_at
from mm.metrics.detections import THRESHOLDS, Spans, classification_map, detection_map
from mm.metrics.proposals import measure_proposals
from tests.metrics.parity.official import (
    average_precision_of_activitynet,
    average_recall_of_activitynet,
    hit_at_k_of_activitynet,
    interpolate_precision,
)

NO_SPANS = Spans(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0))


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", 3)


def spans(*rows: tuple[float, float, int, float]) -> Spans:
    """Rows of start, end, class and score."""
    array = np.array(rows, np.float64)
    return Spans(array[:, :2], array[:, 2].astype(int), array[:, 3])


def draw_set(seed: int, num_videos: int = 7, num_classes: int = 3) -> tuple[list[Spans], list[Spans]]:
    """Predictions with distinct scores, near and far from true spans; some videos have none."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, 25, num_videos)
    counts[0] = 0
    scores = np.split(random.permutation(int(counts.sum())) / 1000, np.cumsum(counts)[:-1])
    true, predicted = [], []
    for count, own_scores in zip(counts, scores, strict=True):
        number = int(random.integers(0, 5)) if true else 3
        start = random.uniform(0, 60, number)
        of_true = np.stack([start, start + random.uniform(5, 40, number)], 1)
        classes = random.integers(0, num_classes, number)
        true.append(Spans(of_true, classes, np.zeros(number)))
        near = random.integers(0, max(number, 1), count)
        base = of_true[near] if number else np.tile([[10.0, 30.0]], (count, 1))
        moved = base + random.normal(0, 3, (count, 2))
        moved[:, 1] = np.maximum(moved[:, 1], moved[:, 0] + 1)
        labels = classes[near] if number else random.integers(0, num_classes, count)
        labels = np.where(random.random(count) < 0.3, random.integers(0, num_classes + 1, count), labels)
        predicted.append(Spans(moved, labels, own_scores))
    return predicted, true


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_detection_map_equals_official_evaluation(seed: int, num_classes: int) -> None:
    predicted, true = draw_set(seed, num_classes=num_classes)
    areas = []
    for label in sorted({int(each) for video in true for each in video.classes_N}):
        rows = [
            (number, *video.spans_N2[index], video.scores_N[index])
            for number, video in enumerate(predicted)
            for index in np.flatnonzero(video.classes_N == label)
        ]
        targets = [
            (number, *video.spans_N2[index])
            for number, video in enumerate(true)
            for index in np.flatnonzero(video.classes_N == label)
        ]
        areas.append(average_precision_of_activitynet(rows, targets))  # type: ignore[arg-type]
    expected = np.mean(areas, axis=0)
    found = [interval.value for interval in detection_map(predicted, true)]
    assert found[:-1] == pytest.approx(expected)
    assert found[-1] == pytest.approx(expected.mean())


def test_detection_map_equals_values_computed_by_hand() -> None:
    """Wrong, right, wrong, right in order of score: precision 1/2 at both recalls, so AP is 1/2."""
    true = [spans((0, 10, 0, 0)), spans((0, 10, 0, 0))]
    predicted = [spans((50, 60, 0, 0.9), (0, 10, 0, 0.8)), spans((50, 60, 0, 0.7), (0, 10, 0, 0.6))]
    assert [interval.value for interval in detection_map(predicted, true)] == pytest.approx([0.5] * 11)
    # Of two predictions of one true span the one with the higher score is right: 1 at recall 1.
    assert detection_map([spans((0, 10, 0, 0.9), (0, 10, 0, 0.8))], [spans((0, 10, 0, 0))])[-1].value == 1
    # An overlap of 0.6 is right at 0.5, 0.55 and 0.6.
    assert detection_map([spans((0, 6, 0, 1))], [spans((0, 10, 0, 0))])[-1].value == pytest.approx(3 / len(THRESHOLDS))


def test_detection_map_of_equal_scores_keeps_their_order() -> None:
    true = [spans((0, 10, 0, 0))]
    assert detection_map([spans((0, 10, 0, 0.5), (50, 60, 0, 0.5))], true)[-1].value == 1
    assert detection_map([spans((50, 60, 0, 0.5), (0, 10, 0, 0.5))], true)[-1].value == 0.5


@pytest.mark.parametrize("max_number", [4, 20, 100])
@pytest.mark.parametrize("seed", range(5))
def test_measure_proposals_equals_official_evaluation(seed: int, max_number: int) -> None:
    predicted, true = draw_set(seed)
    rows = [np.concatenate([video.spans_N2, video.scores_N[:, None]], axis=1) for video in predicted]
    numbers, average, area = average_recall_of_activitynet(rows, [video.spans_N2 for video in true], max_number)
    found = measure_proposals(predicted, true, max_number=max_number)
    assert found.number_K == pytest.approx(numbers)
    assert found.recall_K == pytest.approx(average)
    assert found.average_recall.value == pytest.approx(average[-1])
    assert found.area.value == pytest.approx(area)


def test_measure_proposals_equals_values_computed_by_hand() -> None:
    """The 51st of 100 proposals is right: recall 0 up to 50, 1 from 51 on, and an area of 49.5."""
    start = np.where(np.arange(100) == 50, 0.0, 1000.0)
    proposals = Spans(np.stack([start, start + 10], 1), np.zeros(100, int), -np.arange(100.0))
    found = measure_proposals([proposals], [spans((0, 10, 0, 0))])
    assert found.recall_K.tolist() == [0.0] * 50 + [1.0] * 50
    assert found.average_recall.value == 1
    assert found.area.value == pytest.approx(0.495)


def test_measure_proposals_of_no_proposals_is_zero_and_of_no_true_span_is_refused() -> None:
    found = measure_proposals([NO_SPANS], [spans((0, 10, 0, 0))])
    assert found.average_recall.value == found.area.value == 0
    for predicted, true, number in (([NO_SPANS], [NO_SPANS], 100), ([NO_SPANS], [], 100), ([NO_SPANS], [spans((0, 1, 0, 0))], 0)):
        with pytest.raises(InvalidInput):
            measure_proposals(predicted, true, max_number=number)


@pytest.mark.parametrize("seed", range(3))
def test_classification_map_and_recall_equal_official_evaluation(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.permutation(30 * 6).reshape(30, 6) / 180  # distinct
    labels = [sorted(random.choice(5, int(random.integers(1, 3)), replace=False).tolist()) for _ in range(30)]
    relevant = np.array([[column in own for column in range(6)] for own in labels])  # class 5 has no video
    areas = []
    for column in np.flatnonzero(relevant.any(0)):
        right = relevant[np.argsort(-scores[:, column]), column]
        areas.append(interpolate_precision(np.cumsum(right) / np.arange(1, 31), np.cumsum(right) / right.sum()))
    assert classification_map(scores, relevant).value == pytest.approx(np.mean(areas))
    for k in (1, 3, 5):
        assert recall_at(scores, relevant, k).mean() == pytest.approx(hit_at_k_of_activitynet(scores, labels, k))
