"""Measures from the values of items, so that two runs can be compared item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.evaluation.runs.types import ItemRecord, RunMeasure, Statistic
from mm.metrics.bootstrap import Interval, bootstrap_rows
from mm.numerics import Float64

_OF_VALUES: dict[Statistic, Callable[[Float64], float]] = {
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(np.median(values)),
    "recall@1": lambda ranks: float((ranks <= 1).mean()),
    "recall@5": lambda ranks: float((ranks <= 5).mean()),
    "recall@10": lambda ranks: float((ranks <= 10).mean()),
}


def is_of_values(statistic: Statistic) -> bool:
    """Whether the statistic takes one value an item."""
    return statistic in _OF_VALUES


def compute(statistic: Statistic, values: Float64) -> float:
    """The statistic of values (Q,). Raises `InvalidInput` for one that is not of values."""
    if statistic not in _OF_VALUES:
        raise InvalidInput(f"'{statistic}' is not computed from one value an item.")
    return _OF_VALUES[statistic](values)


def values_of(items: Sequence[ItemRecord], key: str) -> tuple[list[ItemRecord], Float64]:
    """The items that have this value, and the values (Q,)."""
    having = [item for item in items if key in item.values]
    return having, np.array([item.values[key] for item in having], np.float64)


def group_indexes(items: Sequence[ItemRecord]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
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
    return bootstrap_rows(len(values), groups_Q, lambda rows: np.array([compute(statistic, values[rows])]))[0]
