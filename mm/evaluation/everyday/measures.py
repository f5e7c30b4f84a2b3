"""Measures of everyday questions by kind, and of translated ones by language.

Names of arrays end in their axes: H hits, Q questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.data.everyday.questions import KINDS
from mm.evaluation.everyday.fit import number_sources
from mm.evaluation.everyday.libraries import NUM_HITS, Ranking
from mm.metrics.bootstrap import Interval, bootstrap
from mm.metrics.inspection import bootstrap_calibration_error
from mm.metrics.report import Measure, Report, ReportItem
from mm.numerics import Float64

NUM_BINS = 10
MANY, ENOUGH = 10, 8
"""A question with so many right pictures should show so many of them among the first hits."""
ALL = "all"
COLUMNS = {
    "right": f"right of the first {NUM_HITS}",
    "many": f"{ENOUGH} of {NUM_HITS} right, of {MANY} or more",
    "likely": "likely hit, with answer",
    "likely without": "likely hit, without answer",
    "likely left out": "of these: pictures removed",
    "likely absent": "of these: things in no picture",
    "precision": "right of the likely hits",
    "error": "calibration error",
}
"""Measures by key, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class EverydayReport(Report):
    """A report whose table has a row for each kind, or for each language."""

    rows: tuple[str, ...] = (*KINDS, ALL)

    def table(self) -> str:
        """Markdown table of percentages with 95 % intervals; empty where nothing is measured."""
        values = {measure.name: measure.interval for measure in self.measures}
        head = ["questions" if self.rows[0] in KINDS else "language", *COLUMNS.values()]
        rows = [
            [kind, *(_format(values.get(f"{kind}: {name}")) for name in COLUMNS.values())]
            for kind in self.rows
            if any(name.startswith(f"{kind}: ") for name in values)
        ]
        lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
        return "\n".join([f"{self.of}:", "", *lines, *(["", *self.notes] if self.notes else [])])


def measure(rankings: Sequence[Ranking], confidences: Sequence[Float64], likely: float, title: str) -> EverydayReport:
    """Measure rankings and the probabilities (H,) of their hits, by kind and over all."""
    return _measure(rankings, confidences, likely, title, (*KINDS, ALL), [each.question.kind for each in rankings])


def measure_languages(rankings: Sequence[Ranking], confidences: Sequence[Float64], likely: float, title: str) -> EverydayReport:
    """As `measure`, by language and over all."""
    languages = [each.question.language for each in rankings]
    return _measure(rankings, confidences, likely, title, (*dict.fromkeys(languages), ALL), languages)


def _measure(
    rankings: Sequence[Ranking],
    confidences: Sequence[Float64],
    likely: float,
    title: str,
    rows: tuple[str, ...],
    row_of: Sequence[str],
) -> EverydayReport:
    """Measure each of `rows`; `row_of` is the row of each ranking."""
    sources = number_sources(rankings)
    measures: list[Measure] = []
    for name in rows:
        own = [index for index, row in enumerate(row_of) if name in (row, ALL)]
        if own:
            chosen = [rankings[index] for index in own], [confidences[index] for index in own]
            measures += _measure_row(name, *chosen, sources[own], likely)
    items = tuple(
        ReportItem(f"{each.question.id} {each.variant}", str(source), _list_values(each, own, likely), each.question.kind)
        for each, own, source in zip(rankings, confidences, sources, strict=True)
    )
    return EverydayReport(title, tuple(measures), items=items, rows=rows)


def _measure_row(
    row: str, rankings: Sequence[Ranking], confidences: Sequence[Float64], sources: np.ndarray, likely: float
) -> list[Measure]:
    values = [_list_values(each, own, likely) for each, own in zip(rankings, confidences, strict=True)]
    measures = []
    for key in ("right", "many", "likely", "likely without", "likely left out", "likely absent"):
        rows = [index for index, own in enumerate(values) if key in own]
        if rows:
            interval = bootstrap(np.array([values[index][key] for index in rows]), sources[rows])
            measures.append(Measure(f"{row}: {COLUMNS[key]}", interval, is_higher_better=key in ("right", "many", "likely")))
    hits, is_right = np.concatenate(confidences), np.concatenate([each.right_H for each in rankings]).astype(np.bool_)
    groups = np.repeat(sources, [len(each.right_H) for each in rankings])
    if (is_likely := hits >= likely).any():
        measures.append(Measure(f"{row}: {COLUMNS['precision']}", bootstrap(is_right[is_likely], groups[is_likely])))
    error = bootstrap_calibration_error(hits, is_right, groups, NUM_BINS)
    return [*measures, Measure(f"{row}: {COLUMNS['error']}", error, is_higher_better=False)]


def _list_values(ranking: Ranking, confidence_H: Float64, likely: float) -> dict[str, float]:
    has_likely = float(bool((confidence_H >= likely).any()))
    if ranking.variant != "answerable":
        return {"likely without": has_likely, f"likely {ranking.variant}": has_likely}
    num_right, num_shown = len(ranking.question.right), float(ranking.right_H.sum())
    values = {"right": num_shown / min(NUM_HITS, num_right), "likely": has_likely, "rank": float(ranking.first_right)}
    return values | ({"many": float(num_shown >= ENOUGH)} if num_right >= MANY else {})


def _format(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.value:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
