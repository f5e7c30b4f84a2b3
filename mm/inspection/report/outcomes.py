"""Measured false alarms and catches: verdicts compared with the marks of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mm.inspection.thresholds.binomial import clopper_pearson
from mm.schemas import InspectionRecord

MarkVerdict = Literal["accept", "reject"]


@dataclass(frozen=True, slots=True)
class Share:
    """A count, of how many, and the 95 % Clopper-Pearson bounds of its share."""

    count: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.count, self.total)

    def __str__(self) -> str:
        """For instance `1 of 20, 5.0 % (0.1 % to 24.9 %)`."""
        if not self.total:
            return "none marked"
        low, high = self.interval
        return f"{self.count} of {self.total}, {self.count / self.total:.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of the marked parts: how many good ones failed, and how many defective ones did not pass."""

    false_alarms: Share
    caught: Share


def name_frame(record: InspectionRecord) -> str:
    """The name of an image, or of a frame of a video at its seconds, in marks."""
    return record.image if record.start is None else f"{record.image}@{record.start:g}"


def count_outcomes(records: Sequence[InspectionRecord], marks: Mapping[str, MarkVerdict]) -> Outcomes | None:
    """Compare verdicts with marks by `name_frame`; None when none of the records is marked.

    An undecided part is no false alarm, and a defective one counts as caught if it did not pass.
    """
    good = [record.verdict for record in records if marks.get(name_frame(record)) == "accept"]
    defective = [record.verdict for record in records if marks.get(name_frame(record)) == "reject"]
    if not good and not defective:
        return None
    caught = sum(verdict != "pass" for verdict in defective)
    return Outcomes(Share(good.count("fail"), len(good)), Share(caught, len(defective)))
