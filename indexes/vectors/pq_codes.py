"""4-bit product quantization of the vectors of one part, with an estimate of the error.

Codes take a twentieth of the memory of the vectors. FAISS `IndexPQFastScan` scans them in registers
(Jégou, Douze, Schmid 2011; André, Kermarrec, Le Scouarnec 2015). It is trained on the part itself,
so nothing is shared and no code goes stale. Vectors are rotated to their principal axes, which are
allocated so that the subquantizers have equal products of variances; the axes with the least
variance are not coded (after Ge, He, Ke, Sun 2013). Quantization shrinks inner products. The
variance of the vectors and of the residuals along each axis gives the factor for each query, which
makes the estimates unbiased, and the standard deviation of their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt

DSUB, NBITS = 4, 4
"""Dimensions of a subquantizer, and bits of its code."""
CODED_FRACTION = 2 / 3
"""Fraction of the axes that are coded."""
MIN_VECTORS = 8192
"""Vectors from which codes are made: fewer are scanned as fast without."""
MIN_DIM = 8
MAX_TRAINING_VECTORS = 8192
KMEANS_ITERATIONS = 10
"""More do not change recall."""
MIN_KEPT_VARIANCE = 0.05
"""Lower bound for the fraction of the variance along a query that codes keep."""
EPSILON = 1e-12

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Principal axes of vectors of D dimensions, the coded ones first, and the loss of coding."""

    mean: Floats
    """(D,)"""
    directions: Floats
    """(D, D) orthonormal columns."""
    variance: Floats
    """(D,) variance of the vectors along each axis."""
    residual_variance: Floats
    """(D,) variance of the quantization residuals along each axis."""


class PQCodes:
    """The codes of N vectors of D dimensions."""

    def __init__(self, index: Any, axes: PrincipalAxes) -> None:
        """`index` is a `faiss.IndexPQFastScan`."""
        self._index = index
        self.axes = axes

    def search(self, query: Floats, count: int) -> tuple[Rows, Floats, float]:
        """The `count` rows with the largest estimated inner products with a query (D,).

        Returns rows and estimates, largest first, and the standard deviation of the error.
        """
        rotated = query @ self.axes.directions
        products, rows = self._index.search(np.ascontiguousarray(rotated[None, : self._index.d]), count)
        valid = rows[0] >= 0
        residual = float(rotated**2 @ self.axes.residual_variance)
        variance = float(rotated**2 @ self.axes.variance)
        coded_fraction = max(1.0 - residual / max(variance, EPSILON), MIN_KEPT_VARIANCE)
        estimates = np.float32(query @ self.axes.mean) + products[0][valid] / np.float32(coded_fraction)
        return rows[0][valid], estimates, float(np.sqrt(residual / coded_fraction))

    def save(self, path: Path) -> None:
        """Write the codes without the axes. Raises `OSError` when the disk is full."""
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:  # FAISS reports a full disk so
            raise OSError(f"FAISS cannot write {path}: {error}") from error


def needs_codes(count: int, dim: int) -> bool:
    """Whether `count` vectors of `dim` dimensions get codes."""
    return count >= MIN_VECTORS and dim >= MIN_DIM


def train_codes(index: Any, block: int) -> PQCodes:
    """Codes of all vectors of a `faiss.Index`, read in blocks of so many. Deterministic."""
    faiss = _faiss()
    count, dim = int(index.ntotal), int(index.d)
    sample = index.reconstruct_batch(np.linspace(0, count - 1, min(MAX_TRAINING_VECTORS, count)).astype(np.int64))
    num_subquantizers = max(2, 2 * round(dim * CODED_FRACTION / DSUB / 2))  # FAISS requires an even number
    dsub = min(DSUB, dim // num_subquantizers)
    mean = sample.mean(0)
    directions, variance = _allocate_axes(sample - mean, num_subquantizers, dsub)
    num_coded = num_subquantizers * dsub
    codes = faiss.IndexPQFastScan(num_coded, num_subquantizers, NBITS, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.niter = KMEANS_ITERATIONS
    codes.pq.cp.min_points_per_centroid = 1  # no warning for a small part
    residuals = (sample - mean) @ directions
    coded = np.ascontiguousarray(residuals[:, :num_coded])
    codes.train(coded)
    residuals[:, :num_coded] -= codes.pq.decode(codes.pq.compute_codes(coded))
    for start in range(0, count, block):
        vectors = index.reconstruct_n(start, min(block, count - start))
        codes.add(np.ascontiguousarray((vectors - mean) @ directions[:, :num_coded]))
    return PQCodes(codes, PrincipalAxes(mean, directions, variance, (residuals**2).mean(0)))


def read_codes(path: Path, axes: PrincipalAxes) -> PQCodes:
    """Read what `PQCodes.save` wrote. Raises `Corrupt`."""
    try:
        return PQCodes(_faiss().read_index(str(path)), axes)
    except RuntimeError as error:
        raise Corrupt(f"{path} cannot be read: {error}.") from error


def _allocate_axes(centred: Floats, num_subquantizers: int, dsub: int) -> tuple[Floats, Floats]:
    """Principal axes of rows (N, D) as columns (D, D), and the variance along each (D,).

    First come `dsub` axes for each subquantizer, allocated greedily so that the products of their
    variances are equal, then the axes that are not coded (eigenvalue allocation).
    """
    variances, axes = np.linalg.eigh(centred.T @ centred / np.float32(len(centred)))
    variances, axes = np.maximum(variances[::-1], EPSILON), axes[:, ::-1]
    log_min = np.log(variances[-1]) - 1.0  # so that every axis adds weight to its subquantizer
    allocated: list[list[int]] = [[] for _ in range(num_subquantizers)]
    weight = np.zeros(num_subquantizers)
    for axis in range(num_subquantizers * dsub):
        lightest = int(np.argmin(weight))
        allocated[lightest].append(axis)
        is_full = len(allocated[lightest]) == dsub
        weight[lightest] = np.inf if is_full else weight[lightest] + np.log(variances[axis]) - log_min
    coded = [axis for of_subquantizer in allocated for axis in of_subquantizer]
    order = coded + list(range(num_subquantizers * dsub, len(variances)))
    return np.ascontiguousarray(axes[:, order]), variances[order]


def _faiss() -> Any:
    import faiss

    return faiss
