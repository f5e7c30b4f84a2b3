"""The two folds of a bank that are nearest to each query: all that leaving out one fold needs.

The nearest vectors are found by approximate scores (`mm.inspection.bank.similarity`) and their
distances computed exactly. Names of arrays end in their axes: B vectors of the bank, F folds, N
queries, C channels, T candidates, 2 the nearest fold and the one after it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

from mm.inspection.bank.patch_bank import BankSearch, Folds, PatchBank, Rows
from mm.inspection.bank.similarity import ByteSimilarity, FloatSimilarity, Scores, compute_step
from mm.numerics import Float32
from mm.runtimes.cpu_features import has_dot_products, read_cpu_flags

SCORES_AT_ONCE = 1_000_000
"""Scores that a thread computes at once: 4 MB, which stay in the cache."""
SAMPLES = 256
"""Vectors of a bank whose distances from each other decide on its precision."""
LARGEST_ERROR = 0.1
"""Largest error of a vector rounded to 8 bits, as a share of the median distance of neighbours."""

Precision = Literal["int8", "float32"]
CANDIDATES: dict[Precision, int] = {"int8": 2, "float32": 1}
"""Vectors with the largest scores whose distances are computed, of all folds and again without the
nearest fold."""


@dataclass(frozen=True, slots=True, eq=False)
class NearestFolds:
    """Of each query, in ascending order of distance; a bank of one fold has one column."""

    distances_N2: Float32
    folds_N2: Folds
    rows_N2: Rows
    """Row of the bank of the nearest vector of the fold."""

    def leave_out_each(self, num_folds: int) -> Float32:
        """Distances (N, F) from the nearest vector outside each fold; as `leave_out_each_fold`."""
        distances_NF = np.repeat(self.distances_N2[:, :1], num_folds, 1)
        if num_folds > 1:
            distances_NF[np.arange(len(distances_NF)), self.folds_N2[:, 0]] = self.distances_N2[:, 1]
        return distances_NF


class NearestFoldSearch:
    """Searches a bank. Safe to use from several threads.

    With 8 bits the nearest vector may be missed for one that is nearly as near: the distance is
    then that of the other one, a little larger (a test bounds it).
    """

    def __init__(self, bank: PatchBank, precision: Precision | None = None) -> None:
        """Prepare a bank; the precision is that of `choose_precision` by default."""
        order_B = np.argsort(bank.fold_B, kind="stable")
        self._exact = BankSearch(bank)
        self.precision: Precision = precision or choose_precision(bank, self._exact)
        self._rows_B, self._fold_B = order_B, bank.fold_B[order_B]
        self._vectors_BC = bank.vectors_BC[order_B].astype(np.float32)
        ends = np.cumsum(np.bincount(bank.fold_B))
        self._columns = [slice(int(end - count), int(end)) for end, count in zip(ends, np.bincount(bank.fold_B), strict=True)]
        self._num_candidates = CANDIDATES[self.precision]
        self._similarity = (ByteSimilarity if self.precision == "int8" else FloatSimilarity)(self._vectors_BC)

    def search(self, vectors_NC: Float32) -> NearestFolds:
        """The nearest folds of vectors, on as many threads as FAISS is set to."""
        step = max(16, SCORES_AT_ONCE // len(self._rows_B))
        parts = [vectors_NC[start : start + step] for start in range(0, len(vectors_NC), step)]
        threads = min(faiss.omp_get_max_threads(), len(parts))
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(self._search_part, parts))
        else:
            found = [self._search_part(part) for part in parts]
        columns = ([getattr(each, name) for each in found] for name in ("distances_N2", "folds_N2", "rows_N2"))
        return NearestFolds(*map(np.concatenate, columns)) if found else find_nearest_folds(self._exact, vectors_NC)

    def _search_part(self, vectors_NC: Float32) -> NearestFolds:
        scores_NB, is_outside_N = self._similarity.score(vectors_NC)
        every = np.arange(len(vectors_NC))
        places_NT, distances_NT = self._take_candidates(vectors_NC, scores_NB)
        chosen = [distances_NT.argmin(1)]
        if len(self._columns) > 1:
            fold_N = self._fold_B[places_NT[every, chosen[0]]]
            for fold, columns in enumerate(self._columns):
                scores_NB[fold_N == fold, columns] = self._similarity.lowest
            further = self._take_candidates(vectors_NC, scores_NB)
            places_NT, distances_NT = np.hstack([places_NT, further[0]]), np.hstack([distances_NT, further[1]])
            is_other_NT = self._fold_B[places_NT] != fold_N[:, None]
            chosen.append(np.where(is_other_NT, distances_NT, np.inf).argmin(1))
        chosen_N2 = np.stack(chosen, 1)
        distances_N2: Float32 = np.take_along_axis(distances_NT, chosen_N2, 1)
        places_N2: Rows = np.take_along_axis(places_NT, chosen_N2, 1)
        order_N2 = distances_N2.argsort(1, kind="stable")  # the second may be the nearest that the scores missed
        places_N2 = np.take_along_axis(places_N2, order_N2, 1)
        nearest = NearestFolds(np.take_along_axis(distances_N2, order_N2, 1), self._fold_B[places_N2], self._rows_B[places_N2])
        if is_outside_N.any():
            exact = find_nearest_folds(self._exact, vectors_NC[is_outside_N])
            nearest.distances_N2[is_outside_N] = exact.distances_N2
            nearest.folds_N2[is_outside_N] = exact.folds_N2
            nearest.rows_N2[is_outside_N] = exact.rows_N2
        return nearest

    def _take_candidates(self, vectors_NC: Float32, scores_NB: Scores) -> tuple[Rows, Float32]:
        """Places (N, T) in the sorted bank with the largest scores, and their distances (N, T).

        Their scores are set to the lowest.
        """
        every, places, distances = np.arange(len(vectors_NC)), [], []
        for _ in range(self._num_candidates):
            places.append(scores_NB.argmax(1))
            differences_NC = self._vectors_BC[places[-1]]
            differences_NC -= vectors_NC
            distances.append(np.sqrt(np.einsum("nc,nc->n", differences_NC, differences_NC)))
            scores_NB[every, places[-1]] = self._similarity.lowest
        return np.stack(places, 1), np.stack(distances, 1)


def choose_precision(bank: PatchBank, search: BankSearch) -> Precision:
    """8 bits if the processor has instructions for them and neighbours in the bank stay apart."""
    if bank.num_folds < 2 or not has_dot_products(read_cpu_flags()):
        return "float32"
    rows = np.linspace(0, len(bank.fold_B) - 1, SAMPLES).astype(np.int64)
    distances_NF = search.search(bank.vectors_BC[rows].astype(np.float32))
    distances_NF[np.arange(len(rows)), bank.fold_B[rows]] = np.inf
    # Of numbers rounded to a multiple of a step, the error has the variance step^2 / 12.
    error = compute_step(bank.vectors_BC.astype(np.float32)) * np.sqrt(bank.vectors_BC.shape[1] / 12)
    return "int8" if error <= LARGEST_ERROR * float(np.median(distances_NF.min(1))) else "float32"


def find_nearest_folds(search: BankSearch, vectors_NC: Float32) -> NearestFolds:
    """Reference implementation of `NearestFoldSearch.search`: exact distances from every fold."""
    distances_NF, rows_NF = search.search_rows(vectors_NC)
    folds_N2 = distances_NF.argsort(1, kind="stable")[:, :2]
    return NearestFolds(np.take_along_axis(distances_NF, folds_N2, 1), folds_N2, np.take_along_axis(rows_NF, folds_N2, 1))
