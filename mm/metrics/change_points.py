"""Change points of a sequence of vectors, without training: the baseline of the temporal network.

Kernel change-point detection (Harchaoui and Cappé 2007; Arlot et al. 2019, arXiv:1202.3878) with
the linear kernel: segments minimise the squared distances to their means plus a penalty for each.
Exact, by dynamic programming over all pairs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


def find_change_points(vectors_LD: npt.NDArray[np.floating], penalty: float) -> list[int]:
    """Indices at which segments begin, in order, without 0.

    `penalty` is in squared distances summed over a segment. Raises `InvalidInput` when the input is
    not a sequence of vectors or the penalty is not positive.
    """
    if vectors_LD.ndim != 2 or not len(vectors_LD) or not penalty > 0:
        raise InvalidInput(f"Vectors of shape {vectors_LD.shape} cannot be segmented with a penalty of {penalty}.")
    vectors = vectors_LD.astype(np.float64)
    count = len(vectors)
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((vectors * vectors).sum(1))])
    cost = np.full(count + 1, np.inf)
    cost[0] = -penalty
    start = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        length = end - np.arange(end)
        scatter = squares[end] - squares[:end] - ((sums[end] - sums[:end]) ** 2).sum(1) / length
        total = cost[:end] + scatter + penalty
        start[end] = int(total.argmin())
        cost[end] = total[start[end]]
    change_points: list[int] = []
    end = count
    while start[end] > 0:
        end = int(start[end])
        change_points.append(end)
    return change_points[::-1]
