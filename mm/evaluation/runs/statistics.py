"""Measures from the values of items, so that two runs can be compared item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from mm.errors import InvalidInput
from mm.evaluation.runs.types import ItemRecord, RunMeasure, Statistic
from mm.metrics.bootstrap import Interval, bootstrap, bootstrap_rows
from mm.metrics.paired import Paired, compare_paired
from mm.numerics import Float64

_MEAN_OF: dict[Statistic, Callable[[Float64], Float64]] = {
    "mean": lambda values: values,
    "recall@1": lambda ranks: (ranks <= 1).astype(np.float64),
    "recall@5": lambda ranks: (ranks <= 5).astype(np.float64),
    "recall@10": lambda ranks: (ranks <= 10).astype(np.float64),
}
"""Statistics that are means, whose samples are products of matrices: values to average."""


def is_of_values(statistic: Statistic) -> bool:
    """Whether the statistic takes one value an item."""
    return statistic in _MEAN_OF or statistic == "median"


def compute(statistic: Statistic, values: Float64) -> float:
    """The statistic of values (Q,). Raises `InvalidInput` for one that is not of values."""
    if statistic in _MEAN_OF:
        return float(_MEAN_OF[statistic](values).mean())
    if statistic == "median":
        return float(np.median(values))
    raise InvalidInput(f"'{statistic}' is not computed from one value an item.")


def values_of(items: Sequence[ItemRecord], key: str) -> tuple[list[ItemRecord], Float64]:
    """The items that have this value, and the values (Q,)."""
    having = [item for item in items if key in item.values]
    return having, np.array([item.values[key] for item in having], np.float64)


class HasGroup(Protocol):
    """An item of a set, or its record."""

    @property
    def group(self) -> str: ...


def group_indexes(items: Sequence[HasGroup]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Index of the group of each item, (Q,)."""
    return np.unique([item.group for item in items], return_inverse=True)[1].astype(np.int64)


def measure(
    name: str, statistic: Statistic, of: str, items: Sequence[ItemRecord], *, is_share: bool = True, is_higher_better: bool = True
) -> RunMeasure:
    """A measure with its interval; groups of items are sampled together.

    Raises `InvalidInput` when no item has the value.
    """
    having, values = values_of(items, of)
    if not having:
        raise InvalidInput(f"No item has a value of '{of}'.")
    interval = interval_of(statistic, values, group_indexes(having))
    return RunMeasure(
        name=name, value=interval.value, low=interval.low, high=interval.high, is_share=is_share,
        is_higher_better=is_higher_better, statistic=statistic, of=of,
    )  # fmt: skip


def interval_of(statistic: Statistic, values: Float64, groups_Q: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Interval:
    """The statistic of values with its bootstrap interval."""
    if statistic in _MEAN_OF:
        return bootstrap(_MEAN_OF[statistic](values), groups_Q)
    return bootstrap_rows(len(values), groups_Q, lambda rows: np.array([compute(statistic, values[rows])]))[0]


def compare_values(
    statistic: Statistic, first_Q: Float64, second_Q: Float64, groups_Q: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Paired:
    """Compare the statistic of two runs on the same items. Raises as `compute`."""
    if statistic in _MEAN_OF:
        return compare_paired(_MEAN_OF[statistic](first_Q), _MEAN_OF[statistic](second_Q), groups_Q)
    return compare_paired(first_Q, second_Q, groups_Q, lambda sample: compute(statistic, sample))
