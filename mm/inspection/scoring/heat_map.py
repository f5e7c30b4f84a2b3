"""The heat map: distances of patches as a smooth function of the pixels of the original image.

Patch i of an axis stands for the pixels from 8 i on, so its centre is at 8 i + 3.5 of the scaled
image. The network agrees: a small change of an image moves the vectors around that place, although
the geometric centre of its kernels is 3.5 pixels further (a test holds this). Interpolation and a
Gaussian filter are linear and separable: the filter is applied to the patches, the interpolation is
one matrix for each axis with two weights a row. Names of arrays end in their axes: H height and W
width in pixels, h and w in patches.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import scipy

from mm.inspection.features.backbone import STRIDE
from mm.numerics import Float32

SIGMA = 0.5
"""Standard deviation of the Gaussian filter, in patches."""


def build_heat_map(distances_hw: Float32, scaled: tuple[int, int], size: tuple[int, int]) -> Float32:
    """The heat map (H, W) of an image of `size` (height, width).

    `scaled` is its size in pixels when its patches were computed. A constant stays as it is, and no
    value is larger than the largest distance.
    """
    smooth_hw = cv2.GaussianBlur(distances_hw, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE)
    rows_Hh = _interpolation_matrix(distances_hw.shape[0], scaled[0], size[0])
    columns_Ww = _interpolation_matrix(distances_hw.shape[1], scaled[1], size[1])
    wide_hW = np.ascontiguousarray((columns_Ww @ smooth_hw.T).T)
    return np.asarray(rows_Hh @ wide_hW, np.float32)


@lru_cache(maxsize=8)
def _interpolation_matrix(patches: int, scaled: int, pixels: int) -> scipy.sparse.csr_array:
    """Weights (pixels, patches) of a linear interpolation between the centres of the patches.

    Sparse: a product with all patches takes several times as long, and the threads of a BLAS wait
    for each other where other work uses the cores.
    """
    centre = (np.arange(pixels) + 0.5) * scaled / pixels - 0.5  # of each pixel, in the scaled image
    place = np.clip((centre - (STRIDE - 1) / 2) / STRIDE, 0, patches - 1)
    before = np.minimum(place.astype(int), max(patches - 2, 0))
    share = (place - before).astype(np.float32)
    after = np.minimum(before + 1, patches - 1)
    weights, columns = np.stack([1 - share, share], 1).ravel(), np.stack([before, after], 1).ravel()
    return scipy.sparse.csr_array((weights, columns, 2 * np.arange(pixels + 1)), (pixels, patches))


def build_heat_map_reference(distances_hw: Float32, scaled: tuple[int, int], size: tuple[int, int]) -> Float32:
    """Reference implementation of `build_heat_map`: four neighbours of every pixel in turn."""
    smooth_hw = cv2.GaussianBlur(distances_hw, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE)
    heat_HW = np.zeros(size, np.float32)
    for pixel in np.ndindex(*size):
        value, places = 0.0, []
        for axis in (0, 1):
            centre = (pixel[axis] + 0.5) * scaled[axis] / size[axis] - 0.5
            places.append(min(max((centre - 3.5) / 8, 0.0), distances_hw.shape[axis] - 1.0))
        for corner in np.ndindex(2, 2):
            row, column = (
                min(int(place) + step, length - 1) for place, step, length in zip(places, corner, smooth_hw.shape, strict=True)
            )
            row_weight, column_weight = (abs(1 - step - (place - int(place))) for place, step in zip(places, corner, strict=True))
            value += row_weight * column_weight * float(smooth_hw[row, column])
        heat_HW[pixel] = value
    return heat_HW
