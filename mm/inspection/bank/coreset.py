"""Chooses few vectors that stand for many: greedy k-center selection.

Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"; as in PatchCore (Roth et
al. 2022, arXiv:2106.08265) the distances are those of a random projection (Johnson and
Lindenstrauss 1984). Names of arrays end in their axes: N vectors, C channels, D projected
dimensions, K chosen vectors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.numerics import Float32

PROJECTED = 32
"""Dimensions of the random projection."""

Rows = npt.NDArray[np.int64]


def project(vectors_NC: Float32, seed: int) -> Float32:
    """Random projections (N, D), which keep distances approximately; the input if it is short."""
    if vectors_NC.shape[1] <= PROJECTED:
        return vectors_NC
    directions_CD = np.random.default_rng(seed).standard_normal((vectors_NC.shape[1], PROJECTED)).astype(np.float32)
    projected_ND: Float32 = vectors_NC @ directions_CD
    return projected_ND


def select_coreset(vectors_NC: Float32, count: int, seed: int = 0) -> Rows:
    """Rows (K,) of at most `count` vectors, each the one farthest from those chosen before it.

    The first is chosen at random. There are fewer than `count` where the rest repeats the chosen
    ones. Raises `InvalidInput` without vectors or for a count below 1.
    """
    if not len(vectors_NC) or count < 1:
        raise InvalidInput(f"{count} of {len(vectors_NC)} vectors cannot be chosen.")
    points_ND = project(vectors_NC, seed)
    squares_N = np.einsum("nd,nd->n", points_ND, points_ND)
    distances_N = np.full(len(points_ND), np.inf, np.float32)
    row = int(np.random.default_rng(seed).integers(len(points_ND)))
    rows: list[int] = []
    while len(rows) < min(count, len(points_ND)):
        rows.append(row)
        # Squared distances by one product of a matrix with a vector; differences would copy all.
        np.minimum(distances_N, squares_N + squares_N[row] - 2 * (points_ND @ points_ND[row]), out=distances_N)
        distances_N[row] = 0
        row = int(distances_N.argmax())
        if distances_N[row] <= 1e-6 * squares_N[row]:
            break
    return np.array(rows, np.int64)


def select_coreset_reference(points_ND: Float32, count: int, first: int) -> Rows:
    """Reference implementation of the selection, without projection: all distances at each step."""
    rows = [first]
    while len(rows) < count:
        gaps_NK = np.linalg.norm(points_ND[:, None].astype(np.float64) - points_ND[rows][None], axis=2)
        rows.append(int(gaps_NK.min(1).argmax()))
    return np.array(rows, np.int64)
