"""Distances relative to those that are usual between good parts of the same texture.

Good parts differ more in some places and textures than in others: a distance that is usual at a
rough edge is a defect on a smooth face. Each vector of the bank therefore has a usual distance, the
mean of its smallest distances from the vectors of other folds, and a distance from it is divided by
that. This is the local outlier factor (Breunig et al. 2000, "LOF: Identifying Density-Based Local
Outliers") with one neighbour for the query and folds in place of single points. The fold that a
distance leaves out contributes neither vectors nor usual distances. Names of arrays end in their
axes: B vectors of the bank, F folds, N queries, C channels.
"""

from __future__ import annotations

import numpy as np

from mm.inspection.bank.nearest_folds import NearestFoldSearch, Precision
from mm.inspection.bank.patch_bank import BankSearch, PatchBank
from mm.numerics import Float32

NEIGHBOURS = 3
"""Folds whose distances from a vector are averaged."""
MIN_FOLDS = 3
"""Folds from which usual distances exist: that of the vector, the one left out, and another."""
SMALLEST_SHARE = 0.1
"""Smallest usual distance as a share of the mean one, against images that nearly repeat others."""
SMALLEST = 1e-3
"""Smallest usual distance, if all images repeat each other; distances of real ones are above 1."""


class RelativeSearch:
    """Searches a bank for distances with each fold left out. Safe to use from several threads."""

    def __init__(self, bank: PatchBank, precision: Precision | None = None) -> None:
        self._search, self._num_folds = NearestFoldSearch(bank, precision), bank.num_folds
        self._usual_BF = compute_usual_distances(bank, BankSearch(bank)) if bank.num_folds >= MIN_FOLDS else None

    def search(self, vectors_NC: Float32) -> Float32:
        """Relative distances (N, F) from the nearest vector outside each fold.

        With fewer than `MIN_FOLDS` folds they are plain.
        """
        return self.search_both(vectors_NC)[1]

    def search_both(self, vectors_NC: Float32) -> tuple[Float32, Float32]:
        """Plain and relative distances (N, F) from the nearest vector outside each fold."""
        nearest = self._search.search(vectors_NC)
        plain_NF = nearest.leave_out_each(self._num_folds)
        if self._usual_BF is None:
            return plain_NF, plain_NF
        every, first_N = np.arange(len(plain_NF)), nearest.folds_N2[:, 0]
        # The nearest fold is the nearest outside every other one; outside itself it is the second.
        usual_NF = self._usual_BF[nearest.rows_N2[:, 0]]
        usual_NF[every, first_N] = self._usual_BF[nearest.rows_N2[:, 1], first_N]
        return plain_NF, np.asarray(plain_NF / usual_NF, np.float32)


def compute_usual_distances(bank: PatchBank, search: BankSearch) -> Float32:
    """Usual distance (B, F) of each vector from those of other folds, with each fold left out."""
    distances_BF = search.search(bank.vectors_BC.astype(np.float32))
    every = np.arange(len(distances_BF))
    distances_BF[every, bank.fold_B] = np.inf
    order_BF = distances_BF.argsort(1, kind="stable")
    sorted_BF = np.take_along_axis(distances_BF, order_BF, 1)
    count = min(NEIGHBOURS, bank.num_folds - 2)
    sum_B, following_B = sorted_BF[:, :count].sum(1), sorted_BF[:, count]
    usual_BF = np.repeat(sum_B[:, None] / count, bank.num_folds, 1)
    for rank in range(count):  # without a fold among the nearest ones the following one counts
        usual_BF[every, order_BF[:, rank]] = (sum_B - sorted_BF[:, rank] + following_B) / count
    floor = max(SMALLEST_SHARE * float(usual_BF[:, 0].mean()), SMALLEST)
    return np.asarray(np.maximum(usual_BF, floor), np.float32)


def search_relative_reference(bank: PatchBank, vectors_NC: Float32) -> Float32:
    """Reference implementation of `RelativeSearch.search`: one bank without each fold in turn.

    It has no smallest usual distance. The bank has at least `MIN_FOLDS` folds.
    """
    vectors_BC = bank.vectors_BC.astype(np.float64)
    columns = []
    for fold in range(bank.num_folds):
        left_BC, fold_B = vectors_BC[bank.fold_B != fold], bank.fold_B[bank.fold_B != fold]
        column = []
        for vector_C in vectors_NC:
            distances_B = np.linalg.norm(left_BC - vector_C, axis=1)
            nearest = int(distances_B.argmin())
            from_nearest_B = np.linalg.norm(left_BC - left_BC[nearest], axis=1)
            others = [from_nearest_B[fold_B == other].min() for other in set(fold_B.tolist()) - {int(fold_B[nearest])}]
            column.append(distances_B[nearest] / np.mean(sorted(others)[:NEIGHBOURS]))
        columns.append(column)
    return np.array(columns, np.float32).T
