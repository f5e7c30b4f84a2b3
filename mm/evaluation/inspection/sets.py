"""Runs over MVTec transistor, the magnetic tiles and the AITEX fabrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.data.inspection.parts import LOGICAL, read_aitex_fabric, read_magnetic_tile, read_mvtec_transistor
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.parts import PartsTask, report_parts
from mm.evaluation.inspection.runs import NUM_SEEDS, Fit, Progress, run_seeds
from mm.evaluation.inspection.taught import make_marks, make_taught_fit
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
) -> Reports:
    """Fit on good images of train, inspect the split. Raises `InvalidInput`."""
    good, images = read_mvtec_transistor(root, "train"), read_mvtec_transistor(root, split)
    return _evaluate("MVTec transistor", fit, good, images, split, num_good, num_seeds, on_progress, LOGICAL)


def evaluate_magnetic_tile(
    fit: Fit,
    root: Path,
    split: str,
    num_good: Sequence[int],
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
) -> Reports:
    """Fit on good tiles of train, inspect the split. Raises `InvalidInput`."""
    good, images = read_magnetic_tile(root, "train"), read_magnetic_tile(root, split)
    return _evaluate("Magnetic tiles", fit, good, images, split, num_good, num_seeds, on_progress)


def evaluate_magnetic_tile_marks(
    fit: Fit,
    root: Path,
    split: str,
    num_good: int,
    num_seeds: int = NUM_SEEDS,
    on_progress: Progress = lambda line: None,
) -> Reports:
    """Fit on good tiles of train, teach with all marked tiles of train, inspect the split.

    Raises `InvalidInput`.
    """
    good, images = read_magnetic_tile(root, "train"), read_magnetic_tile(root, split)
    marks = make_marks(read_magnetic_tile(root, "train", "supervised"))
    taught = make_taught_fit(fit, marks, on_progress)
    name = f"Magnetic tiles taught with {len(marks)} marked images"
    return _evaluate(name, taught, good, images, split, [num_good], num_seeds, on_progress)


def evaluate_aitex_fabric(
    fit: Fit, root: Path, split: str, num_seeds: int = NUM_SEEDS, on_progress: Progress = lambda line: None
) -> Reports:
    """Fit on the support strips of each fabric, inspect its other strips, at native size.

    The fabrics do not occur in train. The last report is the mean over the fabrics. Raises
    `InvalidInput`.
    """
    strips = read_aitex_fabric(root, split)
    reports, areas = [], []
    for fabric in sorted({strip.fabric for strip in strips}):
        own = [strip for strip in strips if strip.fabric == fabric]
        support = [strip for strip in own if strip.is_support]
        images = [strip for strip in own if not strip.is_support]
        if not support:
            raise InvalidInput(f"{root} has no support strips of the fabric {fabric} in the split {split!r}.")
        runs = run_seeds(fit, support, images, len(support), num_seeds, on_progress)
        of = f"AITEX fabric {fabric}, {len(support)} good strips, {_count(images)} of {split}, {num_seeds} seeds"
        reports.append(report_parts(of, images, runs))
        is_defective_N = PartsTask.of(images).is_defective_N
        areas.append([auc(run.score_N, is_defective_N) for run in runs])
    return Reports((*reports, _average(np.array(areas), f"AITEX, mean of {len(areas)} fabrics of {split}")))


def _average(areas_FS: Float64, of: str) -> Report:
    """Mean image AUROC of fabrics; the interval is from the lowest fabric to the highest."""
    area_F = areas_FS.mean(1)
    return Report(of, (Measure("image AUROC, lowest and highest fabric", Interval(area_F.mean(), area_F.min(), area_F.max())),))


def _evaluate(
    name: str, fit: Fit, good: Sequence[MarkedImage], images: Sequence[MarkedImage], split: str, num_good: Sequence[int],
    num_seeds: int, on_progress: Progress, logical: str | None = None,
) -> Reports:  # fmt: skip
    reports = []
    for count in num_good:
        runs = run_seeds(fit, good, images, count, num_seeds, on_progress)
        of = f"{name}, {count} good images, {_count(images)} of {split}, {num_seeds} seeds"
        reports.append(report_parts(of, images, runs, logical))
    return Reports(tuple(reports))


def _count(images: Sequence[MarkedImage]) -> str:
    num_good = sum(image.is_good for image in images)
    return f"{num_good} good and {len(images) - num_good} defective images"
