"""The score of an image: the mean of the largest share of its patches.

The largest patch alone depends on one place; a mean over the largest share is steadier, and the
better measure on every set that was tried (docs/inspection.md).
"""

from __future__ import annotations

import numpy as np

from mm.numerics import Float32, Float64


def mean_of_largest(distances_NF: Float32, share: float) -> Float64:
    """Means (F,) of the largest `share` of each column, of at least one row."""
    count = max(1, round(share * len(distances_NF)))
    largest_NF = np.partition(distances_NF, len(distances_NF) - count, axis=0)[len(distances_NF) - count :]
    return np.asarray(largest_NF.mean(0, dtype=np.float64))
