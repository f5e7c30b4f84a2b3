"""Mean average precision of two methods on the same items, with its difference and p-value.

A prediction has a place in the ranking of its class. Places of both methods are comparable: shares
of the predictions of the method that rank as high, since scores of two methods have different
units. A bootstrap sample weights the predictions of each method by how often their item is drawn;
an exchange ranks the predictions of some items by the one method together with those of the other
items by the other method. No ranking is sorted again. Names of arrays end in their axes: Q items,
G groups, P predictions, U parts of their ranking, T thresholds, H right predictions, S samples or
exchanges, B some of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import BLOCK_VALUES, Interval, draw_samples
from mm.metrics.detections import interpolate_precision
from mm.metrics.paired import Paired, draw_exchanges, share_as_large
from mm.numerics import Float64

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Predictions of one class by one method, in any order."""

    place_P: Float64
    """Lower is better; at an equal place right and wrong ones count as ranked together."""
    item_P: Int
    is_right_PT: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RankedClass:
    """One class by both methods; `num_true_Q` are its true spans or files."""

    first: Ranking
    second: Ranking
    num_true_Q: Int


@dataclass(slots=True, eq=False)
class _Areas:
    """Sums over classes of average precisions (S,), and the number of classes (S,)."""

    first_S: Float64
    second_S: Float64
    num_classes_S: Float64

    def subtract(self) -> Float64:
        """Differences (S,) of the means, second minus first."""
        difference_S: Float64 = (self.second_S - self.first_S) / np.maximum(self.num_classes_S, 1.0)
        return difference_S


def compare_average_precision(
    classes: Iterable[RankedClass], groups_Q: npt.NDArray[np.integer], *, interpolated: bool, seed: int = 0
) -> Paired:
    """Compare the mean over classes and thresholds; a class counts where an item of it is drawn.

    Samples and exchanges are those of `mm.metrics.paired.compare_paired`, which with the metric
    itself is the reference implementation. Raises `InvalidInput` where no class has a true item.
    """
    times_SG, group_Q = draw_samples(len(groups_Q), groups_Q, seed)
    num_groups = times_SG.shape[1]
    times_GS = np.ascontiguousarray(times_SG.T)
    exchanged_GS = np.stack(list(draw_exchanges(num_groups, seed)), axis=1)
    once_GS = np.ones((num_groups, 1), np.uint16)
    observed, samples, exchanges = (_make_areas(draws_GS.shape[1]) for draws_GS in (once_GS, times_GS, exchanged_GS))
    for each in classes:
        if not each.num_true_Q.any():
            continue
        rows = [_SortedRanking.sort([ranking], each, group_Q) for ranking in (each.first, each.second)]
        _add_samples(observed, rows, once_GS, interpolated)
        _add_samples(samples, rows, times_GS, interpolated)
        _add_exchanges(exchanges, _SortedRanking.sort([each.first, each.second], each, group_Q), exchanged_GS, interpolated)
    if not observed.num_classes_S[0]:
        raise InvalidInput("An average precision needs a class with a true item.")
    low, high = np.percentile(samples.subtract(), (2.5, 97.5))
    value = float(observed.subtract()[0])
    return Paired(Interval(value, float(low), float(high)), share_as_large(value, exchanges.subtract(), num_groups))


@dataclass(frozen=True, slots=True, eq=False)
class _SortedRanking:
    """Predictions of one class by place, wrong ones before right ones, up to the last right one."""

    group_P: Int
    is_of_second_P: npt.NDArray[np.bool_]
    start_U: Int
    """First prediction of each part of the ranking; a part ends with a place of right ones."""
    hits: tuple[_Hits, ...]
    """Of each threshold."""
    true_G: Int
    """Groups with a true item."""
    num_true_G: Int
    """Of these groups."""

    @classmethod
    def sort(cls, rankings: list[Ranking], of: RankedClass, group_Q: Int) -> _SortedRanking:
        """Several rankings are merged."""
        place_P = np.concatenate([ranking.place_P for ranking in rankings])
        right_PT = np.concatenate([ranking.is_right_PT for ranking in rankings])
        item_P = np.concatenate([ranking.item_P for ranking in rankings])
        is_of_second_P = np.repeat(np.arange(len(rankings)) > 0, [len(ranking.place_P) for ranking in rankings])
        is_right_P = right_PT.any(1)
        order_P = np.lexsort((is_right_P, place_P))
        end_U = np.searchsorted(place_P[order_P], np.unique(place_P[is_right_P]), "right")
        order_P = order_P[: end_U[-1] if len(end_U) else 0]
        place_P, right_PT = place_P[order_P], right_PT[order_P]
        num_true_G = np.bincount(group_Q, of.num_true_Q).astype(np.int64)
        true_G = np.flatnonzero(num_true_G)
        return cls(
            group_Q[item_P[order_P]], is_of_second_P[order_P], np.append(0, end_U[:-1])[: len(end_U)],
            tuple(_Hits.find(right_P, place_P, end_U) for right_P in right_PT.T), true_G, num_true_G[true_G],
        )  # fmt: skip

    def sum_parts(self, weight_PB: npt.NDArray[np.generic]) -> Float64:
        """Weight of all predictions up to the end of each part (U, B)."""
        if not len(self.start_U):
            return np.zeros((0, weight_PB.shape[1]))
        total_UB: Float64 = np.cumsum(np.add.reduceat(weight_PB, self.start_U, axis=0, dtype=np.float64), axis=0)
        return total_UB

    def add_areas(
        self, weight_PB: npt.NDArray[np.generic], total_UB: Float64, num_true_B: Float64, interpolated: bool
    ) -> Float64:
        """Sum (B,) over the thresholds of the average precision of weighted predictions."""
        area_B = np.zeros(len(num_true_B))
        for hits in self.hits:
            gained_HB = weight_PB[hits.place_H].astype(np.float64)
            precision_HB = np.cumsum(gained_HB, axis=0)[hits.last_H] / np.maximum(total_UB[hits.part_H], 1.0)
            precision_HB = interpolate_precision(precision_HB.T).T if interpolated else precision_HB
            area_B += (gained_HB * precision_HB).sum(0) / np.maximum(num_true_B, 1.0)
        return area_B

    def split(self, num_samples: int) -> Iterable[slice]:
        """Samples that are computed at once."""
        size = max(1, BLOCK_VALUES // max(len(self.group_P), 1))
        return (slice(start, min(start + size, num_samples)) for start in range(0, num_samples, size))


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """The right predictions of one threshold."""

    place_H: Int
    """Indexes of predictions."""
    part_H: Int
    """Parts of the ranking that end with them."""
    last_H: Int
    """The last right ones of their parts, as indexes of the right ones."""

    @classmethod
    def find(cls, right_P: npt.NDArray[np.bool_], place_P: Float64, end_U: Int) -> _Hits:
        hit_H = np.flatnonzero(right_P)
        part_H = np.searchsorted(end_U, hit_H, "right")
        return cls(hit_H, part_H, np.searchsorted(place_P[hit_H], place_P[hit_H], "right") - 1)


def _make_areas(num_samples: int) -> _Areas:
    return _Areas(np.zeros(num_samples), np.zeros(num_samples), np.zeros(num_samples))


def _add_samples(areas: _Areas, rows: list[_SortedRanking], times_GS: npt.NDArray[np.uint16], interpolated: bool) -> None:
    num_true_S = rows[0].num_true_G.astype(np.float64) @ times_GS[rows[0].true_G]
    areas.num_classes_S += len(rows[0].hits) * (num_true_S > 0)
    for ranking, area_S in zip(rows, (areas.first_S, areas.second_S), strict=True):
        for part in ranking.split(times_GS.shape[1]):
            weight_PB = times_GS[ranking.group_P, part]
            area_S[part] += ranking.add_areas(weight_PB, ranking.sum_parts(weight_PB), num_true_S[part], interpolated)


def _add_exchanges(areas: _Areas, merged: _SortedRanking, exchanged_GS: npt.NDArray[np.bool_], interpolated: bool) -> None:
    num_true_S = np.full(exchanged_GS.shape[1], float(merged.num_true_G.sum()))
    areas.num_classes_S += len(merged.hits)
    for part in merged.split(exchanged_GS.shape[1]):
        is_second_PB = exchanged_GS[merged.group_P, part] ^ merged.is_of_second_P[:, None]
        second_UB, both_UB = merged.sum_parts(is_second_PB), merged.sum_parts(np.ones((len(is_second_PB), 1), np.uint16))
        areas.second_S[part] += merged.add_areas(is_second_PB, second_UB, num_true_S[part], interpolated)
        areas.first_S[part] += merged.add_areas(~is_second_PB, both_UB - second_UB, num_true_S[part], interpolated)
