"""How far a number may be off because other questions might have been asked: percentile bootstrap
(Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

DRAWS = 2000
"""Samples that are drawn: the ends of an interval then vary by about a twentieth of its width from
seed to seed."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and where 95 % of its bootstrap lie."""

    value: float
    low: float
    high: float


def bootstrap(
    values_Q: npt.NDArray[np.number | np.bool_],
    groups_Q: npt.NDArray[np.integer] | None = None,
    statistic: Callable[[npt.NDArray[np.float64]], np.floating] = np.mean,
    seed: int = 0,
) -> Interval:
    """A statistic of values, by default their mean, with its 95 % interval.

    With `groups_Q` whole groups are drawn: the captions of one picture, or the cuts of one
    recording, are not independent. Raises `InvalidInput` where there are no values or the groups do
    not fit.
    """
    if values_Q.ndim != 1 or not len(values_Q) or (groups_Q is not None and groups_Q.shape != values_Q.shape):
        raise InvalidInput(f"{values_Q.shape} values have no interval, or their groups do not fit.")
    values = values_Q.astype(np.float64)
    _, group_Q = np.unique(np.arange(len(values)) if groups_Q is None else groups_Q, return_inverse=True)
    count = int(group_Q.max()) + 1
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        times = np.bincount(random.integers(0, count, count), minlength=count)
        drawn.append(float(statistic(np.repeat(values, times[group_Q]))))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(float(statistic(values)), float(low), float(high))
