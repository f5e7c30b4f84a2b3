"""Two methods on the same items: the difference with its interval, and a permutation test.

Both resample groups, because items of one group are not independent: the interval by the paired
bootstrap (Efron & Tibshirani 1993, chapter 16), the p-value by exchanging the two methods within
groups (Fisher 1935; Good 2005, chapter 3). Names of arrays end in their axes: Q items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, bootstrap_rows
from mm.numerics import Float64

NUM_PERMUTATIONS = 2000
MAX_EXACT_GROUPS = 10
"""Up to this many groups all exchanges are tried instead of random ones."""

Statistic = Callable[[Float64], float]
"""From the values of some items, with repetitions, to a number."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Second minus first, and the two-sided p-value of no difference."""

    difference: Interval
    p_value: float


def compare_paired(
    first_Q: Float64, second_Q: Float64, groups_Q: npt.NDArray[np.integer], statistic: Statistic = np.mean, seed: int = 0,
    strata_Q: npt.NDArray[np.integer] | None = None,
) -> Paired:  # fmt: skip
    """Compare a statistic of two methods on the same items.

    An item has a value or a row of numbers. With `strata_Q` every bootstrap sample has as many
    groups of each stratum as there are. Raises `InvalidInput` for arrays of different or no length.
    """
    if not first_Q.ndim or not len(first_Q) or first_Q.shape != second_Q.shape or first_Q.shape[:1] != groups_Q.shape:
        raise InvalidInput(f"Values {first_Q.shape} and {second_Q.shape} with groups {groups_Q.shape} cannot be paired.")
    interval = bootstrap_rows(
        len(first_Q), groups_Q, lambda rows: np.array([statistic(second_Q[rows]) - statistic(first_Q[rows])]), seed, strata_Q
    )[0]
    return Paired(interval, _permutation_p_value(first_Q, second_Q, groups_Q, statistic, seed))


def _permutation_p_value(
    first_Q: Float64, second_Q: Float64, groups_Q: npt.NDArray[np.integer], statistic: Statistic, seed: int
) -> float:
    """Share of exchanges whose difference is at least as large; random ones count the observed."""
    unique, group_Q = np.unique(groups_Q, return_inverse=True)
    is_exact = len(unique) <= MAX_EXACT_GROUPS
    random = np.random.default_rng(seed)
    exchanges = (
        (np.array(signs, bool) for signs in product((False, True), repeat=len(unique)))
        if is_exact
        else (random.integers(0, 2, len(unique)).astype(bool) for _ in range(NUM_PERMUTATIONS))
    )
    observed = abs(statistic(second_Q) - statistic(first_Q))
    tolerance = 1e-12 * max(1.0, observed)  # equal sums in another order differ in the last bits
    num_total, num_as_large = (0, 0) if is_exact else (1, 1)
    for exchanged_G in exchanges:
        exchanged_Q = exchanged_G[group_Q].reshape(-1, *[1] * (first_Q.ndim - 1))
        difference = statistic(np.where(exchanged_Q, first_Q, second_Q)) - statistic(np.where(exchanged_Q, second_Q, first_Q))
        num_total += 1
        num_as_large += abs(difference) >= observed - tolerance
    return num_as_large / num_total
