"""The memory of good parts: vectors by fold, and distances with each fold left out.

A fold is a set of groups of good images. A score is compared with held-out scores of good images
only where both were computed without the same fold, so distances are found for each fold apart and
their minimum is taken over the others. This costs no more than one search of all vectors. Names of
arrays end in their axes: B vectors of the bank, F folds, N queries, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.numerics import Float32

Folds = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PatchBank:
    """Vectors of good parts. It is not changed; `append` returns another one."""

    vectors_BC: npt.NDArray[np.float16]
    fold_B: Folds
    """Fold of each vector, 0 to `num_folds` - 1; each fold has at least one."""

    def __post_init__(self) -> None:
        folds = np.unique(self.fold_B)
        if not len(self.vectors_BC) or len(self.vectors_BC) != len(self.fold_B):
            raise InvalidInput(f"A bank needs vectors and their folds, not {len(self.vectors_BC)} and {len(self.fold_B)}.")
        if not np.array_equal(folds, np.arange(len(folds))):
            raise InvalidInput("The folds of a bank are numbered from 0 without a gap.")

    @property
    def num_folds(self) -> int:
        return int(self.fold_B.max()) + 1

    def append(self, vectors_NC: Float32, fold: int) -> PatchBank:
        """The bank with further vectors, in a fold that it has or in the next one.

        Raises `InvalidInput` for vectors of another length and for another fold.
        """
        if vectors_NC.ndim != 2 or vectors_NC.shape[1] != self.vectors_BC.shape[1]:
            raise InvalidInput(f"The bank holds vectors of {self.vectors_BC.shape[1]} numbers, not {vectors_NC.shape[1:]}.")
        if not 0 <= fold <= self.num_folds:
            raise InvalidInput(f"The bank has {self.num_folds} folds: vectors cannot be added to fold {fold}.")
        folds_N = np.full(len(vectors_NC), fold, np.int64)
        return PatchBank(np.concatenate([self.vectors_BC, vectors_NC.astype(np.float16)]), np.concatenate([self.fold_B, folds_N]))


class BankSearch:
    """Searches a bank. Safe to use from several threads."""

    def __init__(self, bank: PatchBank) -> None:
        self._rows = [np.flatnonzero(bank.fold_B == fold) for fold in range(bank.num_folds)]
        self._indexes = []
        for rows in self._rows:
            index = faiss.IndexFlatL2(bank.vectors_BC.shape[1])
            index.add(np.ascontiguousarray(bank.vectors_BC[rows].astype(np.float32)))
            self._indexes.append(index)

    def search(self, vectors_NC: Float32) -> Float32:
        """Euclidean distances (N, F) from the nearest vector of each fold."""
        return self.search_rows(vectors_NC)[0]

    def search_rows(self, vectors_NC: Float32) -> tuple[Float32, Rows]:
        """As `search`, with the row of the bank (N, F) of each nearest vector."""
        queries_NC = np.ascontiguousarray(vectors_NC, np.float32)
        found = [index.search(queries_NC, 1) for index in self._indexes]
        # FAISS computes squares as differences of products, which may be slightly negative.
        distances_NF: Float32 = np.sqrt(np.maximum(np.stack([squares[:, 0] for squares, _ in found], 1), 0))
        rows_NF: Rows = np.stack([rows[places[:, 0]] for rows, (_, places) in zip(self._rows, found, strict=True)], 1)
        return distances_NF, rows_NF


def search_reference(bank: PatchBank, vectors_NC: Float32) -> Float32:
    """Reference implementation of `BankSearch.search`: every difference in double precision."""
    columns = []
    for fold in range(bank.num_folds):
        rows_BC = bank.vectors_BC[bank.fold_B == fold].astype(np.float64)
        columns.append(np.linalg.norm(vectors_NC[:, None] - rows_BC[None], axis=2).min(1))
    return np.stack(columns, 1).astype(np.float32)


def leave_out_each_fold(distances: Float32) -> Float32:
    """Distances (..., F) from the nearest vector outside each fold; with one fold, from that fold.

    Entry f is the minimum over the other entries of the last axis. It differs only for the nearest
    fold of a query, whose entry is the second smallest distance.
    """
    if distances.shape[-1] == 1:
        return distances
    two_smallest = np.partition(distances, 1, axis=-1)[..., :2]
    is_nearest = np.arange(distances.shape[-1]) == distances.argmin(-1)[..., None]
    outside: Float32 = np.where(is_nearest, two_smallest[..., 1:], two_smallest[..., :1])
    return outside
