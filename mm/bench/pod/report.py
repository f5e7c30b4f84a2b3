"""Table and chart of a study: probability of detection by size, size errors, false calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from mm.bench.pod.defects import KINDS
from mm.bench.pod.run import FalseCalls, Study, Trial
from mm.bench.pod.structures import Structure
from mm.errors import InvalidInput
from mm.metrics.chart import Chart, Line
from mm.metrology.detection import fit_hit_miss, fit_response
from mm.metrology.measure import RESOLVED_PX

ALL = "all"
HEAD = (
    "| kind | contrast/noise | n | hits | a50 mm | a90 mm | a90/95 mm | a90/95 of the response mm | size bias | repeatability | "
    "coverage of U, length | coverage of U, area |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """Results of one kind at one contrast; sizes in mm, None where no curve fits.

    `size_bias` is the median relative error of the largest diameter, of the called defects of at
    least 3 px, `repeatability` the standard deviation of that error. Coverage is the share of
    the measured defects whose size is within U.
    """

    kind: str
    contrast: float
    num: int
    num_hits: int
    a50: float | None
    a90: float | None
    a90_95: float | None
    response_a90_95: float | None
    num_measured: int
    size_bias: float | None
    repeatability: float | None
    length_coverage: float | None
    area_coverage: float | None


@dataclass(frozen=True, slots=True)
class PodReport:
    """Results of a study over its seeds."""

    detector: str
    surfaces: str
    study: Study
    num_seeds: int
    false_calls: FalseCalls
    rows: tuple[Row, ...]
    structures: tuple[Structure, ...]
    """Of the surfaces without defects."""

    def lines(self) -> Iterator[str]:
        """The report as Markdown."""
        study, calls = self.study, self.false_calls
        yield (
            f"{self.detector} on {self.surfaces}; {study.mm_per_px:g} mm/px, blur {study.blur_px:g} px, "
            f"{study.per_kind} defects a kind, contrast and seed, {self.num_seeds} seeds"
        )
        yield ""
        yield HEAD
        yield "|" + " --- |" * HEAD.count(" |")
        for row in self.rows:
            yield _line(row, study.sizes_mm[1])
        yield ""
        yield (
            f"false calls: {calls.num_images_called} of {calls.num_images} images, rate requested {study.rate:.0%}; "
            f"{calls.num_calls / calls.num_images:.3f} calls an image, {calls.num_calls / calls.area_cm2:.2f} calls a cm2"
        )
        yield ""
        shown = ", ".join(f"{contrast:g}" for contrast in study.contrasts)
        yield f"| diameter mm | largest structure without defects | pit at contrast/noise {shown} |"
        yield "| --- | --- | --- |"
        for each in self.structures:
            pits = ", ".join(f"{contrast * each.pit:.1f}" for contrast in study.contrasts)
            yield f"| {each.diameter_px * study.mm_per_px:.2f} | {each.largest:.1f} | {pits} |"


def merge_false_calls(counts: Iterable[FalseCalls]) -> FalseCalls:
    """Sums over seeds."""
    rows = [(count.num_images, count.num_images_called, count.num_calls, count.area_cm2) for count in counts]
    images, called, calls, area = (sum(column) for column in zip(*rows, strict=True))
    return FalseCalls(int(images), int(called), int(calls), float(area))


def summarize(trials: Sequence[Trial], study: Study, threshold: float) -> tuple[Row, ...]:
    """Rows for each contrast and kind, and for all kinds together."""
    return tuple(
        _row(
            [trial for trial in trials if trial.contrast == contrast and kind in (trial.kind, ALL)],
            kind,
            contrast,
            study,
            threshold,
        )
        for contrast in study.contrasts
        for kind in (*KINDS, ALL)
    )


def draw_chart(trials: Sequence[Trial], study: Study) -> Chart:
    """POD of all kinds by size, with its lower bound, for each contrast at which a curve fits."""
    xs = tuple(float(x) for x in np.geomspace(*study.sizes_mm, 60))
    lines = []
    for contrast in study.contrasts:
        chosen = [trial for trial in trials if trial.contrast == contrast]
        try:
            fit = fit_hit_miss([trial.size_mm for trial in chosen], [trial.is_hit for trial in chosen])
        except InvalidInput:
            continue
        lines.append(Line(f"contrast {contrast:g} x noise", tuple(float(fit.pod(x)) for x in xs)))
        lines.append(Line("95 % lower bound", tuple(fit.lower_pod(x) for x in xs)))
    resolved = RESOLVED_PX * study.mm_per_px
    return Chart("Probability of detection by size", "largest diameter, mm", xs, tuple(lines), resolved, "3 px")


def _row(trials: Sequence[Trial], kind: str, contrast: float, study: Study, threshold: float) -> Row:
    sizes, hits = [trial.size_mm for trial in trials], [trial.is_hit for trial in trials]
    curve: tuple[float | None, float | None, float | None] = (None, None, None)
    try:
        fit = fit_hit_miss(sizes, hits)
        upper = fit.upper_size_at(0.9)
        curve = (fit.size_at(0.5), fit.size_at(0.9), upper if math.isfinite(upper) else None)
    except InvalidInput:
        pass  # all were hit, or all missed: the table shows that no curve fits
    response = None
    with suppress(InvalidInput):
        response = fit_response(sizes, [trial.response for trial in trials], threshold).upper_size_at(0.9)
    measured = [(trial, trial.measures) for trial in trials if trial.measures is not None]
    errors = np.array(
        [m.feret_max.value / trial.size_mm - 1 for trial, m in measured if trial.size_mm >= RESOLVED_PX * study.mm_per_px]
    )
    lengths = [m.feret_max.low <= trial.size_mm <= m.feret_max.high for trial, m in measured]
    areas = [m.area.low <= trial.area_mm2 <= m.area.high for trial, m in measured]
    return Row(
        kind,
        contrast,
        len(trials),
        sum(hits),
        *curve,
        response,
        len(measured),
        float(np.median(errors)) if len(errors) else None,
        float(errors.std()) if len(errors) else None,
        float(np.mean(lengths)) if lengths else None,
        float(np.mean(areas)) if areas else None,
    )


def _line(row: Row, largest: float) -> str:
    """A row of the table; a curve says nothing about sizes above the largest one."""
    sizes = (row.a50, row.a90, row.a90_95, row.response_a90_95)
    shares = (row.size_bias, row.repeatability, row.length_coverage, row.area_coverage)
    cells = [row.kind, f"{row.contrast:g}", str(row.num), str(row.num_hits)]
    cells += ["none" if size is None else f"{size:.3f}" if size <= largest else f"over {largest:g}" for size in sizes]
    cells += ["none" if share is None else f"{share:.1%}" for share in shares]
    return f"| {' | '.join(cells)} |"
