"""Measures over rankings and confidences, compared from what items keep: as from their scores."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.rankings import SPAN_STATISTICS, SPANS, rank_spans
from mm.evaluation.runs.sums import PROPOSALS
from mm.evaluation.runs.types import ItemRecord, Outcome, RunMeasure
from mm.evaluation.tasks.confidence import keep_evidence, measure_calibration, measure_map
from mm.metrics.bootstrap import bootstrap_rows
from mm.metrics.detections import Spans, classification_map, detection_map
from mm.metrics.inspection import calibration_error
from mm.metrics.proposals import measure_proposals
from mm.spaces.encode.actions import TEMPERATURE
from tests.evaluation.tasks.test_defects import make_run

SAMPLES = 30
NUM_ITEMS = 14
CLASSES = ["archery", "ironing", "surfing"]
GROUPS = np.arange(NUM_ITEMS) // 2


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["mm.metrics.bootstrap"], "NUM_SAMPLES", SAMPLES)
    monkeypatch.setattr(sys.modules["mm.metrics.paired"], "NUM_PERMUTATIONS", SAMPLES)


def make_outcome(measures: list[RunMeasure], evidence: Sequence[dict[str, list[list[float]]]], classes: list[str]) -> Outcome:
    items = [ItemRecord(id=str(row), group=str(row // 2), evidence=own) for row, own in enumerate(evidence)]
    return Outcome(title="files", measures=measures, items=items, classes=classes)


def compare(first: Outcome, second: Outcome) -> dict[str, tuple[float, float, float]]:
    differences = compare_runs(make_run("first", first), make_run("second", second)).differences
    return {
        each.measure.name: (each.difference.value, each.difference.low, each.difference.high)
        for each in differences
        if each.difference is not None
    }


def classify(cosines_NC: np.ndarray, relevant_NC: np.ndarray, *, interpolated: bool) -> Outcome:
    measures = [
        measure_map(cosines_NC, relevant_NC, GROUPS, interpolated=interpolated),
        measure_calibration(cosines_NC, relevant_NC, GROUPS),
    ]
    evidence = keep_evidence(cosines_NC, relevant_NC, interpolated=interpolated, has_calibration=True)
    return make_outcome(measures, evidence, CLASSES)


def softmax(cosines_NC: np.ndarray) -> np.ndarray:
    exponentials = np.exp(TEMPERATURE * (cosines_NC - cosines_NC.max(1, keepdims=True)))
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**31), interpolated=st.booleans(), digits=st.sampled_from([1, 6]))
def test_classifications_differ_as_their_scores_measured_on_each_sample(seed: int, interpolated: bool, digits: int) -> None:
    random = np.random.default_rng(seed)
    relevant_NC = np.eye(3, dtype=bool)[random.integers(0, 3, NUM_ITEMS)]
    runs = [(random.normal(0, 0.3, relevant_NC.shape) + strength * relevant_NC).round(digits) for strength in (0.1, 0.4)]
    found = compare(*(classify(cosines, relevant_NC, interpolated=interpolated) for cosines in runs))

    def measure(cosines_NC: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
        best = cosines_NC.argmax(1)
        right = relevant_NC[np.arange(NUM_ITEMS), best]
        return (
            classification_map(cosines_NC[rows], relevant_NC[rows], interpolated=interpolated).value,
            calibration_error(softmax(cosines_NC).max(1)[rows], right[rows]),
        )

    expected = bootstrap_rows(NUM_ITEMS, GROUPS, lambda rows: np.subtract(measure(runs[1], rows), measure(runs[0], rows)))
    for name, interval in zip(("mAP", "calibration error"), expected, strict=True):
        assert found[name] == pytest.approx((interval.value, interval.low, interval.high), abs=2e-6)


def draw_spans(random: np.random.Generator, count: int, true: Spans | None = None) -> Spans:
    start = random.uniform(0, 60, count)
    spans = np.stack([start, start + random.uniform(5, 40, count)], 1)
    labels = random.integers(0, 3, count)
    if true is not None and len(true.spans_N2):  # one is right
        spans[0], labels[0] = true.spans_N2[0] + random.uniform(0, 4), true.classes_N[0]
    return Spans(spans, labels, random.permutation(1000)[:count] / 1000 + random.uniform(0, 1e-4))


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_detections_differ_as_their_spans_measured_on_each_sample(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = [draw_spans(random, int(random.integers(1, 4))) for _ in range(NUM_ITEMS)]
    runs = [[draw_spans(random, int(random.integers(1, 9)), own) for own in true] for _ in range(2)]

    def detect(predicted: list[Spans]) -> Outcome:
        intervals = detection_map(predicted, true, GROUPS)
        measures = [
            RunMeasure(name=name, value=intervals[place].value, low=0, high=1, statistic=name, evidence=SPANS)
            for name, place in SPAN_STATISTICS
        ]
        proposals = measure_proposals(predicted, true, GROUPS)
        for name, interval in (("average-recall", proposals.average_recall), ("recall-area", proposals.area)):
            measures.append(
                RunMeasure.model_validate({"name": name, "value": interval.value, "low": 0, "high": 1, "statistic": name})
            )
        evidence = [
            {SPANS: ranked, PROPOSALS: [sums.tolist()]}
            for ranked, sums in zip(rank_spans(predicted, true), proposals.sums_N3, strict=True)
        ]
        return make_outcome(measures, evidence, CLASSES)

    found = compare(*(detect(predicted) for predicted in runs))
    recalls = [measure_proposals(predicted, true, GROUPS) for predicted in runs]

    def measure(which: int, rows: np.ndarray) -> list[float]:
        sampled_true = [true[row] for row in rows]
        values = [interval.value for interval in detection_map([runs[which][row] for row in rows], sampled_true)]
        ends, areas, counts = recalls[which].sums_N3[rows].sum(0)  # with the numbers of proposals of the whole set
        return [*(values[place] for _, place in SPAN_STATISTICS), ends / counts, areas / counts]

    expected = bootstrap_rows(NUM_ITEMS, GROUPS, lambda rows: np.subtract(measure(1, rows), measure(0, rows)))
    for name, interval in zip(found, expected, strict=True):
        assert found[name] == pytest.approx((interval.value, interval.low, interval.high), abs=1e-9)
    assert found["average-recall"][0] == pytest.approx(recalls[1].average_recall.value - recalls[0].average_recall.value)
    assert found["recall-area"][0] == pytest.approx(recalls[1].area.value - recalls[0].area.value)


def test_mean_average_precision_of_other_classes_is_not_paired_and_a_note_says_so() -> None:
    relevant_NC = np.eye(3, dtype=bool)[np.arange(NUM_ITEMS) % 3]
    first = classify(0.1 * relevant_NC, relevant_NC, interpolated=False)
    second = first.model_copy(update={"classes": ["archery", "ironing", "sailing"]})
    assert set(compare(first, second)) == {"calibration error"}
    notes = compare_runs(make_run("first", first), make_run("second", second)).notes
    assert "different classes: mean average precision is not paired" in notes


def test_ranks_of_more_files_and_classes_than_a_run_keeps_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.evaluation.runs.rankings.MAX_RANKS", 3 * NUM_ITEMS - 1)
    relevant_NC = np.eye(3, dtype=bool)[np.arange(NUM_ITEMS) % 3]
    outcome = classify(0.1 * relevant_NC, relevant_NC, interpolated=False)
    assert set(compare(outcome, outcome)) == {"calibration error"}
