"""Runs of commands with a report of their own are paired by the evidence of their items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mm.data.inspection.types import MarkedImage
from mm.evaluation.inspection.parts import report_parts
from mm.evaluation.inspection.runs import Run as Inspected
from mm.evaluation.inspection.runs import Trial, run_trials
from mm.evaluation.runs.compare import Comparison, Difference, compare_runs
from mm.evaluation.runs.from_report import make_run
from mm.evaluation.runs.sums import DETECTION_STATISTICS, DETECTIONS
from mm.evaluation.runs.types import Run
from mm.metrics.bootstrap import Interval
from mm.metrics.inspection.boxes import Detection, score_detection_sums
from mm.metrics.report import Measure, Report, ReportItem
from tests.evaluation.inspection.test_parts import fit, render

IMAGES, PIXELS, REGIONS = "image AUROC", "pixel AUROC", "PRO up to a false positive rate of 0.3"


def keep(report: Report, name: str, root: Path) -> Run:
    return make_run(
        report, name, set_name="parts", split="dev", task="inspectors", method=name, weights={}, root=root, command="mm eval",
        started="2026-01-01T00:00:00+00:00", seconds=1.0,
    )  # fmt: skip


def of(comparison: Comparison, name: str) -> Difference:
    return next(each for each in comparison.differences if each.measure.name == name)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[MarkedImage], list[Inspected]]:
    """Inspected images, by two seeds."""
    folder = tmp_path_factory.mktemp("parts")
    images = []
    for number in range(20):
        is_defective = number >= 14
        render(folder, f"{number}.png", seed=number, defect=is_defective)
        masks = (folder / "masks" / f"{number}.png",) if is_defective else ()
        images.append(MarkedImage(folder / f"{number}.png", f"g{number // 2}", "cut" if is_defective else "good", masks))
    return folder, images, run_trials([Trial(fit, images[:8], images[8:], 4, seed) for seed in range(2)])


def disturb(runs: Sequence[Inspected], is_defective: np.ndarray) -> list[Inspected]:
    """The runs with other scores for some of the images, another for each seed."""
    changed = []
    for seed, run in enumerate(runs):
        scores = run.score_N.copy()
        scores[np.flatnonzero(is_defective)[seed]] = scores[~is_defective].mean()
        changed.append(replace(run, score_N=scores))
    return changed


def test_compare_runs_of_parts_pairs_areas_as_means_over_the_seeds(
    parts: tuple[Path, list[MarkedImage], list[Inspected]],
) -> None:
    folder, images, runs = parts
    inspected = images[8:]
    worse = disturb(runs, np.array([not image.is_good for image in inspected]))
    reports = [report_parts("parts", inspected, own) for own in (runs, worse)]
    first, second = (keep(report, name, folder) for report, name in zip(reports, ("a", "b"), strict=True))
    comparison = compare_runs(first, second)
    difference = of(comparison, IMAGES)
    assert difference.difference is not None
    assert difference.difference.value == pytest.approx(difference.second.value - difference.measure.value)
    assert difference.difference.low <= difference.difference.value < 0
    assert comparison.worse
    for name in (PIXELS, REGIONS):
        same = of(comparison, name)
        assert same.difference == Interval(0.0, 0.0, 0.0)
        assert same.p_value == 1.0


def test_compare_runs_of_other_numbers_of_seeds_are_not_paired(parts: tuple[Path, list[MarkedImage], list[Inspected]]) -> None:
    folder, images, runs = parts
    first, second = (keep(report_parts("parts", images[8:], own), "run", folder) for own in (runs, runs[:1]))
    comparison = compare_runs(first, second)
    assert of(comparison, IMAGES).difference is None
    assert of(comparison, PIXELS).difference is None


def make_detections(counts: Sequence[tuple[int, int, int, int, int]]) -> Report:
    values = score_detection_sums(np.array(counts).sum(0)[None])[0]
    measures = tuple(
        Measure(name, Interval(value, value, value), statistic=name)
        for name, value in zip(DETECTION_STATISTICS, values, strict=True)
    )
    items = tuple(
        ReportItem(f"board {number}", f"board {number}", {}, evidence={DETECTIONS: [[float(count) for count in own]]})
        for number, own in enumerate(counts)
    )
    return Report("boards", measures, items=items)


def test_compare_runs_of_detections_pairs_each_measure(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    true = random.integers(1, 9, 12)
    runs = []
    for name in ("a", "b"):
        matched = random.integers(0, true + 1)
        right = random.integers(0, matched + 1)
        predicted = matched + random.integers(0, 3, 12)
        runs.append(keep(make_detections([*zip(predicted, true, matched, right, right, strict=True)]), name, tmp_path))
    comparison = compare_runs(*runs)
    for difference in comparison.differences:
        assert difference.difference is not None
        assert difference.difference.value == pytest.approx(difference.second.value - difference.measure.value)
        assert difference.difference.low < difference.difference.high


def test_score_detection_sums_equals_the_measures_of_detections() -> None:
    counts = np.array([[4, 5, 3, 2, 2], [0, 0, 0, 0, 0], [3, 0, 0, 0, 0], [0, 3, 0, 0, 0]])
    for row, own in zip(score_detection_sums(counts), counts.tolist(), strict=True):
        plain = Detection(*own)
        expected = (plain.f1, plain.precision, plain.recall, plain.kind_accuracy, plain.f1_with_kind)
        assert row.tolist() == pytest.approx(expected)
