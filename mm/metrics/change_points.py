"""Where a sequence of vectors changes, without learning: the rival of a network that tells
boundaries.

Kernel change-point detection (Harchaoui and Cappé 2007; Arlot et al. 2019, arXiv:1202.3878) with
the linear kernel: the stretches whose vectors are nearest to their means, each stretch at a price.
Exact, by dynamic programming over all pairs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


def change_points(vectors_LD: npt.NDArray[np.floating], price: float) -> list[int]:
    """Indices at which a stretch begins, without 0. `price` is in squared distances summed over a
    stretch.

    Raises `InvalidInput` for what is no sequence of vectors, or a price that is not positive.
    """
    if vectors_LD.ndim != 2 or not len(vectors_LD) or not price > 0:
        raise InvalidInput(f"Vectors of shape {vectors_LD.shape} cannot be cut at a price of {price}.")
    vectors = vectors_LD.astype(np.float64)
    count = len(vectors)
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((vectors * vectors).sum(1))])
    best = np.full(count + 1, np.inf)
    best[0] = -price
    begin = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        length = end - np.arange(end)
        apart = squares[end] - squares[:end] - ((sums[end] - sums[:end]) ** 2).sum(1) / length
        total = best[:end] + apart + price
        begin[end] = int(total.argmin())
        best[end] = total[begin[end]]
    found: list[int] = []
    end = count
    while begin[end] > 0:
        end = int(begin[end])
        found.append(end)
    return found[::-1]
