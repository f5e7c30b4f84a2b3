"""Measures of inspected categories, each a mean over the categories, with values of the images.

The bootstrap samples groups of images within each category, as many good ones and as many defective
ones as there are. Names of arrays end in their axes: N images of all categories, M marked ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.evaluation.inspection.parts import ALARM, BRIGHTNESS, CAUGHT, IN_ORDER, PROMISED_RATE, estimate_share
from mm.evaluation.runs.scores import AUROC, make_evidence
from mm.evaluation.runs.statistics import group_indexes
from mm.evaluation.runs.sums import PIXEL_LEVELS
from mm.evaluation.runs.types import Breakdown, BreakdownRow, ItemRecord, RunMeasure
from mm.evaluation.tasks.defects.categories import GOOD, find_kind
from mm.evaluation.tasks.defects.inspection import InspectedCategory
from mm.evaluation.tasks.paths import relative_path
from mm.metrics.auc import auc, share_in_order
from mm.metrics.bootstrap import Interval, bootstrap_rows
from mm.metrics.inspection.pixel_rows import make_pixel_rows
from mm.numerics import Float64

IMAGES, PIXELS, REGIONS = "image AUROC", "pixel AUROC", "PRO up to a false positive rate of 0.3"
BASELINE = "image AUROC of mean brightness (baseline)"
NAMES = (IMAGES, PIXELS, REGIONS, BASELINE)
PAIRED: dict[str, dict[str, str]] = {
    IMAGES: {"statistic": AUROC, "of": IN_ORDER},
    PIXELS: {"statistic": "pixel-auroc"},
    REGIONS: {"statistic": "pixel-pro"},
    BASELINE: {"statistic": AUROC, "evidence": BRIGHTNESS},
}
"""How a measure is compared with that of another run."""
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """Measures, their breakdown and the images."""

    measures: list[RunMeasure]
    breakdowns: list[Breakdown]
    items: list[ItemRecord]


def measure_categories(categories: Sequence[InspectedCategory], root: Path) -> Measured:
    """Measure; pixels are left out where no category has marked defects."""
    items = [record for category in categories for record in list_records(category, root)]
    groups_N = group_indexes(items)
    starts = np.cumsum([0, *(len(category.items) for category in categories)])
    category_N = np.repeat(np.arange(len(categories)), np.diff(starts))
    stratum_N = np.concatenate([_stratify(category) for category in categories]) + 3 * category_N

    def compute(rows_N: Rows) -> Float64:
        """Means over the categories, then the values of each, (1 + C) * 4."""
        own = [rows_N[category_N[rows_N] == index] - starts[index] for index in range(len(categories))]
        values_C4 = np.stack([_measure_one(category, rows) for category, rows in zip(categories, own, strict=True)])
        means_4 = [column[~np.isnan(column)].mean() if not np.isnan(column).all() else np.nan for column in values_C4.T]
        return np.concatenate([means_4, values_C4.ravel()])

    intervals = bootstrap_rows(len(items), groups_N, compute, strata_Q=stratum_N)
    prefix = "" if len(categories) == 1 else f"mean of {len(categories)} categories: "
    measures = [
        _describe(f"{prefix}{name}", interval, name)
        for name, interval in zip(NAMES, intervals[: len(NAMES)], strict=True)
        if not np.isnan(interval.value)
    ]
    measures[-1:-1] = _measure_alarms(items)
    breakdowns = _break_down(categories, intervals[len(NAMES) :]) if len(categories) > 1 else []
    return Measured(measures, breakdowns or _break_down_kinds(categories[0], items), items)


def list_records(category: InspectedCategory, root: Path) -> list[ItemRecord]:
    """The images of a category with their values."""
    is_defective_N, score_N = category.is_defective_N, category.score_N
    in_order_N = share_in_order(score_N, is_defective_N)
    evidence = make_evidence(score_N, is_defective_N)
    of_brightness = make_evidence(category.unusual_N, is_defective_N)
    pixel_rows = make_pixel_rows(category.pixels) if category.pixels is not None else []
    rows_of = dict(zip(category.marked_M.tolist(), pixel_rows, strict=False))
    records = []
    for number, item in enumerate(category.items):
        p_value = float(category.p_value_N[number])
        values = {IN_ORDER: float(in_order_N[number]), "p-value": p_value}
        values[CAUGHT if is_defective_N[number] else ALARM] = float(p_value <= PROMISED_RATE)
        records.append(
            ItemRecord(
                id=item.id, group=item.group, stratum=category.name, path=relative_path(item.path, root), values=values,
                evidence={
                    AUROC: [evidence[number]], BRIGHTNESS: [of_brightness[number]],
                    **({PIXEL_LEVELS: rows_of[number]} if number in rows_of else {}),
                },
                expected=find_kind(item),
                answer=f"score {score_N[number]:.4g}, p-value {p_value:.3g}",
            )
        )  # fmt: skip
    return records


def _stratify(category: InspectedCategory) -> npt.NDArray[np.int64]:
    """0 for good images, 1 for defective ones without marks, 2 for those with marks."""
    strata_N = category.is_defective_N.astype(np.int64)
    strata_N[category.marked_M] *= 2
    return strata_N


def _measure_one(category: InspectedCategory, rows_N: Rows) -> Float64:
    is_defective_N = category.is_defective_N[rows_N]
    area = auc(category.score_N[rows_N], is_defective_N)
    baseline = auc(category.unusual_N[rows_N], is_defective_N)
    if category.pixels is None:
        return np.array([area, np.nan, np.nan, baseline])
    position_N = np.full(len(category.items), -1)
    position_N[category.marked_M] = np.arange(len(category.marked_M))
    rows_M = position_N[rows_N]
    rows_M = rows_M[rows_M >= 0]
    return np.array([area, category.pixels.auroc(rows_M), category.pixels.aupro(rows_M), baseline])


def _describe(name: str, interval: Interval, kind: str) -> RunMeasure:
    return RunMeasure.model_validate(
        {"name": name, "value": interval.value, "low": interval.low, "high": interval.high, **PAIRED[kind]}
    )


def _measure_alarms(items: Sequence[ItemRecord]) -> list[RunMeasure]:
    measures = []
    for name in (ALARM, CAUGHT):
        own = [item for item in items if name in item.values]
        interval = estimate_share(np.array([item.values[name] for item in own]), group_indexes(own))
        measures.append(
            RunMeasure(
                name=name, value=interval.value, low=interval.low, high=interval.high, is_higher_better=name == CAUGHT,
                statistic="mean", of=name,
            )
        )  # fmt: skip
    return measures


def _break_down(categories: Sequence[InspectedCategory], intervals: Sequence[Interval]) -> list[Breakdown]:
    """A table for each measure, with a row for each category."""
    tables = []
    for column, name in enumerate(NAMES):
        rows = [
            BreakdownRow(stratum=category.name, num_items=len(category.items), measure=_describe(name, interval, name))
            for category, interval in zip(categories, intervals[column :: len(NAMES)], strict=True)
            if not np.isnan(interval.value)
        ]
        tables.append(Breakdown(by="category", rows=rows))
    return [table for table in tables if table.rows]


def _break_down_kinds(category: InspectedCategory, items: Sequence[ItemRecord]) -> list[Breakdown]:
    """The image AUROC of each kind of defect; none where there is one kind."""
    kinds = np.array([find_kind(item) for item in category.items])
    names = sorted(set(kinds) - {GOOD})
    if len(names) < 2:
        return []
    groups_N, is_defective_N = group_indexes(items), category.is_defective_N
    rows = []
    for name in names:
        chosen_N = np.flatnonzero((kinds == name) | ~is_defective_N)
        compute = _make_auroc(category.score_N[chosen_N], is_defective_N[chosen_N])
        strata = is_defective_N[chosen_N].astype(np.int64)
        interval = bootstrap_rows(len(chosen_N), groups_N[chosen_N], compute, strata_Q=strata)[0]
        num_items = int((kinds == name).sum())
        rows.append(BreakdownRow(stratum=name, num_items=num_items, measure=_describe(IMAGES, interval, IMAGES)))
    return [Breakdown(by="kind", rows=rows)]


def _make_auroc(score_N: Float64, is_defective_N: npt.NDArray[np.bool_]) -> Callable[[Rows], Float64]:
    return lambda rows: np.array([auc(score_N[rows], is_defective_N[rows])])
