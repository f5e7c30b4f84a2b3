"""Reports of measures with their intervals, as Markdown and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from mm.metrics.bootstrap import Interval


class MeasureRecord(TypedDict):
    """A measure in JSON; shares are from 0 to 1."""

    name: str
    value: float
    low: float
    high: float


class ReportRecord(TypedDict):
    """A report in JSON."""

    of: str
    measures: list[MeasureRecord]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """A named number with its interval; a share, from 0 to 1, is printed in percent."""

    name: str
    interval: Interval
    is_share: bool = True
    is_higher_better: bool = True
    of: str = ""
    """Key of `ReportItem.values` whose mean it is, unless `statistic` names another one."""
    statistic: str = ""
    """How it follows from the evidence of the items, a `mm.schemas.evaluations.Statistic`."""
    evidence: str = ""
    """Key of `ReportItem.evidence`; empty for the usual one of the statistic."""


@dataclass(frozen=True, slots=True)
class ReportItem:
    """One image, board or sequence with its values."""

    id: str
    """A name, or the path of its file."""
    group: str
    values: dict[str, float]
    kind: str = ""
    evidence: dict[str, list[list[float]]] = field(default_factory=dict)
    """Rows by key that statistics other than means take."""


@dataclass(frozen=True, slots=True)
class Report:
    """Measures of one evaluation; `of` describes data and model, with counts."""

    of: str
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    """Sentences that stand below the numbers."""
    items: tuple[ReportItem, ...] = ()
    """What the measures are computed of; not part of the record."""

    def table(self) -> str:
        """Markdown table."""
        rows = [
            f"| {measure.name} | {_format(measure, measure.interval.value)} | "
            f"{_format(measure, measure.interval.low)} to {_format(measure, measure.interval.high)} |"
            for measure in self.measures
        ]
        below = ["", *self.notes] if self.notes else []
        return "\n".join([f"{self.of}:", "", "| measure | value | 95 % interval |", "| --- | --- | --- |", *rows, *below])

    def record(self) -> ReportRecord:
        """The report as JSON."""
        return {
            "of": self.of,
            "measures": [
                {
                    "name": measure.name,
                    "value": measure.interval.value,
                    "low": measure.interval.low,
                    "high": measure.interval.high,
                }
                for measure in self.measures
            ],
            "notes": list(self.notes),
        }


def _format(measure: Measure, value: float) -> str:
    return f"{100 * value:.1f}" if measure.is_share else f"{value:.4g}"
