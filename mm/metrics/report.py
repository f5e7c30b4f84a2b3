"""What `mm eval` prints: measures with their intervals, as a table or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from mm.metrics.bootstrap import Interval


class MeasureRecord(TypedDict):
    """A measure in JSON, shares as they are in the table."""

    name: str
    value: float
    low: float
    high: float


class ReportRecord(TypedDict):
    """A report in JSON."""

    of: str
    measures: list[MeasureRecord]


@dataclass(frozen=True, slots=True)
class Measure:
    """A named number. A share, from 0 to 1, is shown in percent; what is no share is shown as it
    is."""

    name: str
    found: Interval
    share: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """`of` says in words what was asked of what, with the counts."""

    of: str
    measures: tuple[Measure, ...]

    def table(self) -> str:
        """Markdown."""
        rows = [
            f"| {measure.name} | {_shown(measure, measure.found.value)} | "
            f"{_shown(measure, measure.found.low)} to {_shown(measure, measure.found.high)} |"
            for measure in self.measures
        ]
        return "\n".join([f"{self.of}:", "", "| measure | found | 95 % interval |", "| --- | --- | --- |", *rows])

    def record(self) -> ReportRecord:
        """For JSON."""
        return {
            "of": self.of,
            "measures": [
                {"name": measure.name, "value": measure.found.value, "low": measure.found.low, "high": measure.found.high}
                for measure in self.measures
            ],
        }


def _shown(measure: Measure, value: float) -> str:
    return f"{100 * value:.1f}" if measure.share else f"{value:.4g}"
