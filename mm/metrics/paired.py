"""Two methods on the same items: the difference with its interval, and a permutation test.

Both resample groups, because items of one group are not independent: the interval by the paired
bootstrap (Efron & Tibshirani 1993, chapter 16), the p-value by exchanging the two methods within
groups (Fisher 1935; Good 2005, chapter 3). Means, and statistics of sums such as BLEU and pixel
AUROC, are compared by the sums of the groups; the same samples and exchanges of the values
themselves are the reference implementation, and serve all other statistics. Names of arrays end in
their axes: Q items, G groups, E exchanges, B samples of a block, K columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, bootstrap_means, bootstrap_rows, bootstrap_sums, stack_blocks
from mm.numerics import Float64

NUM_PERMUTATIONS = 2000
MAX_EXACT_GROUPS = 10
"""Up to this many groups all exchanges are tried instead of random ones."""

Statistic = Callable[[Float64], float]
"""From the values of some items, with repetitions, to a number."""
StatisticOfSums = Callable[[Float64], Float64]
"""From sums over some items (B, K), a row a sample, to a number of each sample (B,)."""


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
    if statistic is np.mean and first_Q.ndim == 1 and strata_Q is None:
        (interval,) = bootstrap_means((second_Q - first_Q)[:, None], groups_Q, seed)
        return Paired(interval, _p_value_of_means(second_Q - first_Q, groups_Q, seed))
    interval = bootstrap_rows(
        len(first_Q), groups_Q, lambda rows: np.array([statistic(second_Q[rows]) - statistic(first_Q[rows])]), seed, strata_Q
    )[0]
    return Paired(interval, _p_value(first_Q, second_Q, groups_Q, statistic, seed))


def compare_sums(
    first_QK: Float64, second_QK: Float64, groups_Q: npt.NDArray[np.integer], statistic: StatisticOfSums, seed: int = 0,
    strata_Q: npt.NDArray[np.integer] | None = None,
) -> Paired:  # fmt: skip
    """Compare a statistic of the sums of rows of two methods on the same items.

    The samples and exchanges are those of `compare_paired` with the statistic of the sum of the
    rows, its reference implementation. Raises `InvalidInput` as that.
    """
    if first_QK.ndim != 2 or not len(first_QK) or first_QK.shape != second_QK.shape or first_QK.shape[:1] != groups_Q.shape:
        raise InvalidInput(f"Rows {first_QK.shape} and {second_QK.shape} with groups {groups_Q.shape} cannot be paired.")
    num_columns = first_QK.shape[1]

    def subtract(sums_BK: Float64) -> Float64:
        return (statistic(sums_BK[:, num_columns:]) - statistic(sums_BK[:, :num_columns]))[:, None]

    (interval,) = bootstrap_sums(np.concatenate([first_QK, second_QK], axis=1), subtract, groups_Q, seed, strata_Q)
    return Paired(interval, _p_value_of_sums(first_QK, second_QK, groups_Q, statistic, seed))


def _p_value_of_sums(
    first_QK: Float64, second_QK: Float64, groups_Q: npt.NDArray[np.integer], statistic: StatisticOfSums, seed: int
) -> float:
    """As `_p_value`: an exchange moves the difference of a group from one sum to the other."""
    unique, group_Q = np.unique(groups_Q, return_inverse=True)
    columns = [np.bincount(group_Q, column, minlength=len(unique)) for column in (second_QK - first_QK).T]
    changes_GK = np.stack(columns, axis=1)
    first_K, second_K = first_QK.sum(0), second_QK.sum(0)
    differences = []
    for exchanged_EG in stack_blocks(draw_exchanges(len(unique), seed), max(len(unique), len(first_K))):
        moved_EK = exchanged_EG @ changes_GK
        differences.append(statistic(second_K - moved_EK) - statistic(first_K + moved_EK))
    observed = float((statistic(second_K[None]) - statistic(first_K[None]))[0])
    return share_as_large(observed, np.concatenate(differences), len(unique))


def _p_value_of_means(difference_Q: Float64, groups_Q: npt.NDArray[np.integer], seed: int) -> float:
    """As `_p_value` of means: an exchange changes the sign of the sum of a group."""
    unique, group_Q = np.unique(groups_Q, return_inverse=True)
    sums_G = np.bincount(group_Q, difference_Q, minlength=len(unique))
    blocks = stack_blocks(draw_exchanges(len(unique), seed), len(unique))
    differences_E = np.concatenate([(1.0 - 2.0 * exchanged_EG) @ sums_G for exchanged_EG in blocks]) / len(group_Q)
    return share_as_large(float(sums_G.sum()) / len(group_Q), differences_E, len(unique))


def _p_value(first_Q: Float64, second_Q: Float64, groups_Q: npt.NDArray[np.integer], statistic: Statistic, seed: int) -> float:
    """Share of exchanges whose difference is at least as large; random ones count the observed."""
    unique, group_Q = np.unique(groups_Q, return_inverse=True)
    differences = []
    for exchanged_G in draw_exchanges(len(unique), seed):
        exchanged_Q = exchanged_G[group_Q].reshape(-1, *[1] * (first_Q.ndim - 1))
        second = statistic(np.where(exchanged_Q, first_Q, second_Q))
        differences.append(second - statistic(np.where(exchanged_Q, second_Q, first_Q)))
    return share_as_large(statistic(second_Q) - statistic(first_Q), np.array(differences), len(unique))


def draw_exchanges(num_groups: int, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Whether each group is exchanged (G,): all exchanges of few groups, else random ones."""
    if num_groups <= MAX_EXACT_GROUPS:
        yield from (np.array(signs, bool) for signs in product((False, True), repeat=num_groups))
        return
    random = np.random.default_rng(seed)
    yield from (random.integers(0, 2, num_groups).astype(bool) for _ in range(NUM_PERMUTATIONS))


def share_as_large(observed: float, differences_E: Float64, num_groups: int) -> float:
    """Share of exchanges (E,) whose difference is as large as the observed one, of either sign."""
    tolerance = 1e-12 * max(1.0, abs(observed))  # equal sums in another order differ in the last bits
    num_as_large = int((np.abs(differences_E) >= abs(observed) - tolerance).sum())
    extra = 0 if num_groups <= MAX_EXACT_GROUPS else 1
    return (num_as_large + extra) / (len(differences_E) + extra)
