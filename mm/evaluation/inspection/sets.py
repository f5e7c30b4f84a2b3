"""Runs over MVTec transistor, the magnetic tiles and the AITEX fabrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.data.inspection.parts import LOGICAL, FabricStrip, read_aitex_fabric, read_magnetic_tile, read_mvtec_transistor
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.jobs import divide
from mm.evaluation.inspection.parts import PartsTask, report_parts
from mm.evaluation.inspection.runs import NUM_SEEDS, Fit, Progress, Trial, run_trials
from mm.evaluation.inspection.taught import TaughtFit, make_marks
from mm.metrics.auc import auc
from mm.metrics.bootstrap import Interval
from mm.metrics.report import Measure, Report, ReportRecord
from mm.numerics import Float64


@dataclass(frozen=True, slots=True)
class Reports:
    """Several reports of one evaluation."""

    reports: tuple[Report, ...]

    def table(self) -> str:
        """Markdown tables."""
        return "\n\n".join(report.table() for report in self.reports)

    def record(self) -> list[ReportRecord]:
        """The reports as JSON."""
        return [report.record() for report in self.reports]


def evaluate_mvtec_transistor(
    fit: Fit,
    root: Path,
    split: str,
    num_good: Sequence[int],
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
    num_jobs: int = 1,
) -> Reports:
    """Fit on good images of train, inspect the split. Raises `InvalidInput`."""
    good, images = read_mvtec_transistor(root, "train"), read_mvtec_transistor(root, split)
    return _evaluate("MVTec transistor", fit, good, images, split, num_good, num_seeds, on_progress, num_jobs, LOGICAL)


def evaluate_magnetic_tile(
    fit: Fit,
    root: Path,
    split: str,
    num_good: Sequence[int],
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
    num_jobs: int = 1,
) -> Reports:
    """Fit on good tiles of train, inspect the split. Raises `InvalidInput`."""
    good, images = read_magnetic_tile(root, "train"), read_magnetic_tile(root, split)
    return _evaluate("Magnetic tiles", fit, good, images, split, num_good, num_seeds, on_progress, num_jobs)


def evaluate_magnetic_tile_marks(
    fit: Fit,
    root: Path,
    split: str,
    num_good: int,
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
    num_jobs: int = 1,
) -> Reports:
    """Fit on good tiles of train, teach with all marked tiles of train, inspect the split.

    Raises `InvalidInput`.
    """
    good, images = read_magnetic_tile(root, "train"), read_magnetic_tile(root, split)
    marks = make_marks(read_magnetic_tile(root, "train", "supervised"))
    taught = TaughtFit(fit, marks, on_progress)
    name = f"Magnetic tiles taught with {len(marks)} marked images"
    return _evaluate(name, taught, good, images, split, [num_good], num_seeds, on_progress, num_jobs)


def evaluate_aitex_fabric(
    fit: Fit,
    root: Path,
    split: str,
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
    num_jobs: int = 1,
) -> Reports:
    """Fit on the support strips of each fabric, inspect its other strips, at native size.

    The fabrics do not occur in train. The last report is the mean over the fabrics. Raises
    `InvalidInput`.
    """
    strips = read_aitex_fabric(root, split)
    support: dict[str, list[FabricStrip]] = {strip.fabric: [] for strip in strips}
    inspected: dict[str, list[FabricStrip]] = {strip.fabric: [] for strip in strips}
    for strip in strips:
        (support if strip.is_support else inspected)[strip.fabric].append(strip)
    fabrics = sorted(support)
    if lacking := [fabric for fabric in fabrics if not support[fabric]]:
        raise InvalidInput(f"{root} has no support strips of the fabric {lacking[0]} in the split {split!r}.")
    trials = [
        Trial(fit, support[fabric], inspected[fabric], len(support[fabric]), seed)
        for fabric in fabrics
        for seed in range(num_seeds)
    ]
    runs = run_trials(trials, on_progress, num_jobs)
    reports, areas = [], []
    for fabric, own in zip(fabrics, divide(runs, num_seeds), strict=True):
        images = inspected[fabric]
        of = f"AITEX fabric {fabric}, {len(support[fabric])} good strips, {_count(images)} of {split}, {num_seeds} seeds"
        reports.append(report_parts(of, images, own))
        is_defective_N = PartsTask.of(images).is_defective_N
        areas.append([auc(run.score_N, is_defective_N) for run in own])
    return Reports((*reports, _average(np.array(areas), f"AITEX, mean of {len(areas)} fabrics of {split}")))


def _average(areas_FS: Float64, of: str) -> Report:
    """Mean image AUROC of fabrics; the interval is from the lowest fabric to the highest."""
    area_F = areas_FS.mean(1)
    return Report(of, (Measure("image AUROC, lowest and highest fabric", Interval(area_F.mean(), area_F.min(), area_F.max())),))


def _evaluate(
    name: str, fit: Fit, good: Sequence[MarkedImage], images: Sequence[MarkedImage], split: str, num_good: Sequence[int],
    num_seeds: int, on_progress: Progress, num_jobs: int, logical: str | None = None,
) -> Reports:  # fmt: skip
    trials = [Trial(fit, good, images, count, seed) for count in num_good for seed in range(num_seeds)]
    runs = run_trials(trials, on_progress, num_jobs)
    reports = []
    for count, own in zip(num_good, divide(runs, num_seeds), strict=True):
        of = f"{name}, {count} good images, {_count(images)} of {split}, {num_seeds} seeds"
        reports.append(report_parts(of, images, own, logical))
    return Reports(tuple(reports))


def _count(images: Sequence[MarkedImage]) -> str:
    num_good = sum(image.is_good for image in images)
    return f"{num_good} good and {len(images) - num_good} defective images"
