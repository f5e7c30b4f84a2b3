"""A rough copy of the vectors of one part, a twentieth of their size, that says about how large
inner products are, and how sure that is.

Product quantization with four bits for four numbers, scanned in registers (Jégou, Douze, Schmid
2011; André, Kermarrec, Le Scouarnec 2015; FAISS `IndexPQFastScan`). Trained on the part itself, so
that nothing is shared and nothing goes stale. Vectors are turned into their principal axes first,
dealt out so that each code has as much to tell as the others; the weakest axes get none (after Ge,
He, Ke, Sun 2013). PQCodes shrink: a vector far out in the direction of the question is told to lie
less far. What the vectors spread and what the codes lose along each axis says by how much, for each
question, so that estimates are right on average and the deviation of their error is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt

NUMBERS, BITS = 4, 4
"""Numbers of a turned vector that share a code, and its bits."""
TOLD = 2 / 3
"""Share of the axes that codes tell of."""
LEAST = 8192
"""Vectors from which codes are made: fewer are scanned as fast as they are."""
LEAST_DIM = 8
SAMPLE = 8192
"""Vectors that the codes are trained on."""
STEPS = 10
"""Steps of k-means; more change nothing that is seen."""
LEAST_KEPT = 0.05
"""Least share of the spread that codes are taken to keep: what keeps less says nothing."""
TINY = 1e-12

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """What vectors of D numbers are like, and what their codes lose. The first axes are those that
    codes tell of."""

    mean: Floats
    """(D,)"""
    directions: Floats
    """(D, D) orthonormal columns."""
    spread: Floats
    """(D,) variance along each."""
    lost: Floats
    """(D,) variance along each that codes do not tell."""


class PQCodes:
    """The codes of N vectors of D numbers."""

    def __init__(self, index: Any, axes: PrincipalAxes) -> None:
        """`index` is a `faiss.IndexPQFastScan`."""
        self._index = index
        self.axes = axes

    def top(self, query: Floats, count: int) -> tuple[Rows, Floats, float]:
        """The `count` rows with the largest estimated inner products with a query (D,), these,
        largest first, and the standard deviation of their error."""
        turned = query @ self.axes.directions
        products, rows = self._index.search(np.ascontiguousarray(turned[None, : self._index.d]), count)
        found = rows[0] >= 0
        lost, spread = float(turned**2 @ self.axes.lost), float(turned**2 @ self.axes.spread)
        kept = max(1.0 - lost / max(spread, TINY), LEAST_KEPT)
        estimates = np.float32(query @ self.axes.mean) + products[0][found] / np.float32(kept)
        return rows[0][found], estimates, float(np.sqrt(lost / kept))

    def save(self, path: Path) -> None:
        """Raises `OSError` when the disk is full."""
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:  # how FAISS says it
            raise OSError(f"FAISS cannot write {path}: {error}") from error


def wants_codes(count: int, dim: int) -> bool:
    """Whether `count` vectors of `dim` numbers get codes."""
    return count >= LEAST and dim >= LEAST_DIM


def make_codes(index: Any, block: int) -> PQCodes:
    """PQCodes of all vectors of a `faiss.Index`, which are read in blocks of so many. The same
    vectors give the same codes."""
    faiss = _faiss()
    count, dim = int(index.ntotal), int(index.d)
    sample = index.reconstruct_batch(np.linspace(0, count - 1, min(SAMPLE, count)).astype(np.int64))
    groups = max(2, 2 * round(dim * TOLD / NUMBERS / 2))  # FAISS wants them even
    mean = sample.mean(0)
    directions, spread = _axes(sample - mean, groups, min(NUMBERS, dim // groups))
    told = groups * min(NUMBERS, dim // groups)
    codes = faiss.IndexPQFastScan(told, groups, BITS, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.niter = STEPS
    codes.pq.cp.min_points_per_centroid = 1  # a small part may have fewer than FAISS likes
    turned = (sample - mean) @ directions
    known = np.ascontiguousarray(turned[:, :told])
    codes.train(known)
    turned[:, :told] -= codes.pq.decode(codes.pq.compute_codes(known))
    for start in range(0, count, block):
        vectors = index.reconstruct_n(start, min(block, count - start))
        codes.add(np.ascontiguousarray((vectors - mean) @ directions[:, :told]))
    return PQCodes(codes, PrincipalAxes(mean, directions, spread, (turned**2).mean(0)))


def read_codes(path: Path, axes: PrincipalAxes) -> PQCodes:
    """What `PQCodes.save` wrote. Raises `Corrupt`."""
    try:
        return PQCodes(_faiss().read_index(str(path)), axes)
    except RuntimeError as error:
        raise Corrupt(f"{path} cannot be read: {error}.") from error


def _axes(centred: Floats, groups: int, numbers: int) -> tuple[Floats, Floats]:
    """Principal axes of rows (N, D) as columns, and the variance along each: first `numbers` axes
    for each of `groups` codes, so dealt out that the products of their variances are alike, then
    the weakest."""
    variances, axes = np.linalg.eigh(centred.T @ centred / np.float32(len(centred)))
    variances, axes = np.maximum(variances[::-1], TINY), axes[:, ::-1]
    least = np.log(variances[-1]) - 1.0  # so that every axis adds to its code
    dealt: list[list[int]] = [[] for _ in range(groups)]
    weight = np.zeros(groups)
    for axis in range(groups * numbers):
        lightest = int(np.argmin(weight))
        dealt[lightest].append(axis)
        weight[lightest] = np.inf if len(dealt[lightest]) == numbers else weight[lightest] + np.log(variances[axis]) - least
    order = [axis for of_code in dealt for axis in of_code] + list(range(groups * numbers, len(variances)))
    return np.ascontiguousarray(axes[:, order]), variances[order]


def _faiss() -> Any:
    import faiss

    return faiss
