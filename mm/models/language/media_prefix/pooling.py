"""Adaptive average pooling of a feature map to a grid, as in torch's `adaptive_avg_pool2d`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def pool_map(map_HWC: Float, grid: int) -> Float:
    """The means (grid, grid, C) of overlapping or repeated windows that cover the map."""
    return _pool_rows(_pool_rows(map_HWC, grid).swapaxes(0, 1), grid).swapaxes(0, 1)


def _pool_rows(x: Float, grid: int) -> Float:
    """Means over windows of the first axis: window i is from floor(i n / g) to ceil((i + 1) n / g).

    The windows of a place have the same height in each column, so that the mean of the means of
    rows is the mean of all.
    """
    length = len(x)
    return np.stack([x[index * length // grid : -(-(index + 1) * length // grid)].mean(axis=0) for index in range(grid)])
