"""Confidence intervals of a statistic by the percentile bootstrap (Efron 1979).

Whole groups of rows are sampled. A sample is how often each group is drawn, so that a statistic of
sums is a matrix product of the draws with the sums of the groups (`bootstrap_sums`), and a ranking
is sorted once and weighted by the draws (`bootstrap_weights`). `bootstrap_rows` repeats the rows
themselves: the reference implementation, for statistics without either form. All three take the
same samples. Names of arrays end in their axes: Q rows, U sampled units, B samples of a block, K
columns, J statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.numerics import Float64

Int = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer]

NUM_SAMPLES = 2000
"""Bootstrap samples: with so many, the ends of an interval vary by about a twentieth of its width
from seed to seed."""
BLOCK_VALUES = 4 * 2**20
"""Weights that are held at once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(
    values_Q: npt.NDArray[np.number | np.bool_],
    groups_Q: Labels | None = None,
    statistic: Callable[[Float64], np.floating] = np.mean,
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
    if statistic is np.mean:
        (interval,) = bootstrap_means(values[:, None], groups_Q, seed)
        return Interval(float(values.mean()), interval.low, interval.high)
    return bootstrap_rows(len(values), groups_Q, lambda rows: np.array([statistic(values[rows])]), seed)[0]


def bootstrap_means(
    values_QK: Float64, groups_Q: Labels | None = None, seed: int = 0, strata_Q: Labels | None = None
) -> list[Interval]:
    """The mean of each column with its interval. Samples and errors as in `bootstrap_sums`."""
    with_ones = np.concatenate([values_QK, np.ones((len(values_QK), 1))], axis=1)
    return bootstrap_sums(with_ones, lambda sums_BK: sums_BK[:, :-1] / sums_BK[:, -1:], groups_Q, seed, strata_Q)


def bootstrap_sums(
    values_QK: Float64,
    compute: Callable[[Float64], Float64],
    groups_Q: Labels | None = None,
    seed: int = 0,
    strata_Q: Labels | None = None,
) -> list[Interval]:
    """Statistics that follow from the sums of columns: ratios, shares, F1, calibration error.

    `compute` returns the statistics (B, J) for sums (B, K) over the rows of each sample. Groups,
    strata and errors as in `bootstrap_rows`.
    """
    units = _find_units(len(values_QK), groups_Q, strata_Q)
    columns = [np.bincount(units.unit_Q, column, minlength=units.count) for column in values_QK.T]
    sums_UK = np.stack(columns, axis=1)
    blocks = stack_blocks(_draw(units, seed), max(units.count, values_QK.shape[1]))
    samples = [compute(times_BU @ sums_UK) for times_BU in blocks]
    return _to_intervals(compute(sums_UK.sum(0)[None])[0], np.concatenate(samples))


def bootstrap_weights(
    num_rows: int,
    groups_Q: Labels | None,
    compute: Callable[[Float64], Float64],
    seed: int = 0,
    strata_Q: Labels | None = None,
) -> list[Interval]:
    """Statistics of weighted rows, such as average precision, whose order no sample changes.

    `compute` returns the statistics (B, J) for weights (B, Q): how often each row counts. Groups,
    strata and errors as in `bootstrap_rows`.
    """
    units = _find_units(num_rows, groups_Q, strata_Q)
    samples = [compute(times_BU[:, units.unit_Q]) for times_BU in stack_blocks(_draw(units, seed), num_rows)]
    return _to_intervals(compute(np.ones((1, num_rows)))[0], np.concatenate(samples))


def bootstrap_rows(
    num_rows: int,
    groups_Q: Labels | None,
    statistics: Callable[[Int], npt.NDArray[np.floating]],
    seed: int = 0,
    strata_Q: Labels | None = None,
) -> list[Interval]:
    """Compute statistics of rows that are not means of a value a row, such as ratios of sums.

    `statistics` returns an array of numbers for an array of row indexes, in which rows repeat; all
    are computed of the same samples. With `strata_Q` every sample has as many groups of each
    stratum as the rows have, so that none is empty; a group in two strata counts as two groups.
    Groups and errors as in `bootstrap`.
    """
    units = _find_units(num_rows, groups_Q, strata_Q)
    rows_Q = np.arange(num_rows)
    samples = [statistics(np.repeat(rows_Q, times_U[units.unit_Q])) for times_U in _draw(units, seed)]
    return _to_intervals(statistics(rows_Q), np.array(samples))


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """What is sampled: groups of rows, in the order of their strata."""

    unit_Q: Int
    sizes: Int
    """Units of each stratum."""

    @property
    def count(self) -> int:
        return int(self.sizes.sum())


def _find_units(num_rows: int, groups_Q: Labels | None, strata_Q: Labels | None) -> _Units:
    for labels in (groups_Q, strata_Q):
        if num_rows < 1 or (labels is not None and labels.shape != (num_rows,)):
            raise InvalidInput(f"{num_rows} rows have no interval, or their groups or strata have another shape.")
    _, stratum_Q = np.unique(np.zeros(num_rows, int) if strata_Q is None else strata_Q, return_inverse=True)
    _, group_Q = np.unique(np.arange(num_rows) if groups_Q is None else groups_Q, return_inverse=True)
    units, unit_Q = np.unique(stratum_Q * num_rows + group_Q, return_inverse=True)
    return _Units(unit_Q, np.bincount(units // num_rows))


def _draw(units: _Units, seed: int) -> Iterator[Int]:
    """How often each unit is in a sample (U,), one sample after the other."""
    first = np.cumsum(units.sizes) - units.sizes
    random = np.random.default_rng(seed)
    for _ in range(NUM_SAMPLES):
        chosen = [random.integers(start, start + size, size) for start, size in zip(first, units.sizes, strict=True)]
        yield np.bincount(np.concatenate(chosen), minlength=units.count)


def draw_samples(
    num_rows: int, groups_Q: Labels | None, seed: int = 0, strata_Q: Labels | None = None
) -> tuple[npt.NDArray[np.uint16], Int]:
    """How often each unit is in each sample (NUM_SAMPLES, U), and the unit of each row (Q,).

    A unit is a group, or the part of a group in one stratum. Errors as in `bootstrap_rows`.
    """
    units = _find_units(num_rows, groups_Q, strata_Q)
    times_SU = np.empty((NUM_SAMPLES, units.count), np.uint16)
    for row, times_U in enumerate(_draw(units, seed)):
        times_SU[row] = times_U
    return times_SU, units.unit_Q


def stack_blocks(rows: Iterator[npt.NDArray[np.integer | np.bool_]], width: int) -> Iterator[Float64]:
    """Rows as blocks (B, U) of at most `BLOCK_VALUES` / `width` rows."""
    size = max(1, BLOCK_VALUES // width)
    while block := list(islice(rows, size)):
        yield np.array(block, np.float64)


def _to_intervals(values_J: npt.NDArray[np.floating], samples_SJ: npt.NDArray[np.floating]) -> list[Interval]:
    ends = np.percentile(samples_SJ, (2.5, 97.5), axis=0)
    return [Interval(float(value), float(low), float(high)) for value, low, high in zip(values_J, *ends, strict=True)]
