"""The records of a run, which are those of the API."""

from __future__ import annotations

from mm.schemas.evaluations import (
    Breakdown,
    BreakdownRow,
    Curve,
    FailedItem,
    ItemRecord,
    Outcome,
    Run,
    RunMeasure,
    Signature,
    Statistic,
)

__all__ = [
    "Breakdown",
    "BreakdownRow",
    "Curve",
    "FailedItem",
    "ItemRecord",
    "Outcome",
    "Run",
    "RunMeasure",
    "Signature",
    "Statistic",
]
