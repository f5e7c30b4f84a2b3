"""A comparison as JSON."""

from __future__ import annotations

from mm.evaluation.runs.compare import ChangedItem, Comparison, Difference
from mm.schemas import RunChange, RunComparison, RunDifference


def describe_comparison(comparison: Comparison) -> RunComparison:
    """The comparison in the form of the API."""
    return RunComparison(
        first=comparison.first.id,
        second=comparison.second.id,
        differences=[_describe_difference(row) for row in comparison.differences],
        worse=[_describe_change(item) for item in comparison.worse],
        better=[_describe_change(item) for item in comparison.better],
        notes=list(comparison.notes),
    )


def _describe_difference(row: Difference) -> RunDifference:
    ends = row.difference
    return RunDifference(
        measure=row.measure, second=row.second, difference=ends and ends.value, low=ends and ends.low, high=ends and ends.high,
        p_value=row.p_value, num_items=row.num_items, is_worse=row.is_worse,
        is_better=row.is_better,
    )  # fmt: skip


def _describe_change(item: ChangedItem) -> RunChange:
    return RunChange(item=item.second, key=item.key, before=item.first.values[item.key], after=item.second.values[item.key])
