"""What marks add to the threshold of a version: the observed rate, and the catches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mm.errors import NotFound
from mm.inspection.marks.parts import count_catches, count_observations
from mm.inspection.marks.store import MarkStore
from mm.inspection.thresholds.binomial import add_observations

if TYPE_CHECKING:
    from pathlib import Path

    from mm.inspection.marks.types import Mark
    from mm.inspection.types import Threshold


def observe(threshold: Threshold, marks: Sequence[Mark], version: int) -> Threshold:
    """The threshold of a version, with the marks of parts that this version inspected.

    Marks of other versions, and those without a version, do not count: their verdicts are by
    another threshold.
    """
    own = [mark for mark in marks if mark.version == version]
    false_alarms, confirmed_good = count_observations(own)
    if confirmed_good:
        threshold = add_observations(threshold, false_alarms, confirmed_good)
    catches = count_catches(own)
    return replace(threshold, catches=catches) if catches[1] else threshold


def read_marks(home: Path, inspector: str) -> list[Mark]:
    """The marks in force of an inspector; none if it is not stored. Raises `Corrupt`."""
    try:
        return MarkStore(home).list_marks(inspector)
    except NotFound:
        return []
