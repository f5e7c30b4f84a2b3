"""Confidence intervals of a statistic by the percentile bootstrap (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

NUM_SAMPLES = 2000
"""Bootstrap samples: with so many, the ends of an interval vary by about a twentieth of its width
from seed to seed."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(
    values_Q: npt.NDArray[np.number | np.bool_],
    groups_Q: npt.NDArray[np.integer] | None = None,
    statistic: Callable[[npt.NDArray[np.float64]], np.floating] = np.mean,
    seed: int = 0,
) -> Interval:
    """Compute a statistic of values, by default their mean, with its 95 % interval.

    With `groups_Q` whole groups are sampled, because the captions of one image, or the clips of one
    recording, are not independent. Raises `InvalidInput` for no values and for groups of another
    shape.
    """
    if values_Q.ndim != 1 or not len(values_Q) or (groups_Q is not None and groups_Q.shape != values_Q.shape):
        raise InvalidInput(f"Values of shape {values_Q.shape} have no interval, or their groups have another shape.")
    values = values_Q.astype(np.float64)
    return bootstrap_rows(len(values), groups_Q, lambda rows: np.array([statistic(values[rows])]), seed)[0]


def bootstrap_rows(
    num_rows: int,
    groups_Q: npt.NDArray[np.integer] | None,
    statistics: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.floating]],
    seed: int = 0,
    strata_Q: npt.NDArray[np.integer] | None = None,
) -> list[Interval]:
    """Compute statistics of rows that are not means of a value a row, such as ratios of sums.

    `statistics` returns an array of numbers for an array of row indexes, in which rows repeat; all
    are computed of the same samples. With `strata_Q` every sample has as many groups of each
    stratum as the rows have, so that none is empty; a group in two strata counts as two groups.
    Groups and errors as in `bootstrap`.
    """
    for labels in (groups_Q, strata_Q):
        if num_rows < 1 or (labels is not None and labels.shape != (num_rows,)):
            raise InvalidInput(f"{num_rows} rows have no interval, or their groups or strata have another shape.")
    rows_Q = np.arange(num_rows)
    _, stratum_Q = np.unique(np.zeros(num_rows, int) if strata_Q is None else strata_Q, return_inverse=True)
    _, group_Q = np.unique(rows_Q if groups_Q is None else groups_Q, return_inverse=True)
    units, unit_Q = np.unique(stratum_Q * num_rows + group_Q, return_inverse=True)  # in the order of their strata
    sizes = np.bincount(units // num_rows)
    first = np.cumsum(sizes) - sizes
    random = np.random.default_rng(seed)
    samples = []
    for _ in range(NUM_SAMPLES):
        chosen = [random.integers(start, start + size, size) for start, size in zip(first, sizes, strict=True)]
        times = np.bincount(np.concatenate(chosen), minlength=len(units))
        samples.append(statistics(np.repeat(rows_Q, times[unit_Q])))
    ends = np.percentile(np.array(samples), (2.5, 97.5), axis=0)
    return [Interval(float(value), float(low), float(high)) for value, low, high in zip(statistics(rows_Q), *ends, strict=True)]
