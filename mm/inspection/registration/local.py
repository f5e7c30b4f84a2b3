"""Finds small shifts that differ from place to place, as those of a warped or stretched board.

Lucas and Kanade 1981, "An iterative image registration technique with an application to stereo
vision", with a Gaussian window that is much larger than a defect, and weights (iteratively
reweighted least squares) that decrease with the difference, and where only one of the images has
edges: a defect, or a label that one of them lacks, moves nothing. Where there is no texture the
shift is 0. Names of arrays end in their axes: H height, W width, 2 x and y.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.numerics import Float32

LONGEST = 512
"""Longer side, in pixels, at which shifts are found, and at most half of that of the image."""
BLUR, WINDOW = 1.5, 16.0
"""Standard deviations of the filter and of the window, in pixels of that size."""
ITERATIONS = 4
OUTLIER = 0.25
"""Difference, as a share of full scale, at which the weight of a pixel is one half."""
NEAR, NO_EDGES = 4.0, 1e-4
"""Standard deviation of the window in which both have edges, and squared gradients without any."""
RIDGE = 2e-4
"""Added to the squared gradients: shifts without texture stay at 0."""
MAX_SHIFT = 4.0
"""Largest shift in either axis, in pixels of that size."""

Grey = Float32


def find_shifts(image_HW: Grey, reference_HW: Grey) -> Float32:
    """Shifts (H, W, 2) in pixels: `reference[y + shift_y, x + shift_x]` shows `image[y, x]`.

    Both are grey values from 0 to 255 of one size, already registered to within a few pixels.
    Raises `InvalidInput` for different sizes.
    """
    if image_HW.shape != reference_HW.shape:
        raise InvalidInput(f"Local shifts need images of one size, not {image_HW.shape} and {reference_HW.shape}.")
    height, width = image_HW.shape
    factor = min(0.5, LONGEST / max(height, width))
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    image_hw, reference_hw = (_reduce(grey_HW, size) for grey_HW in (image_HW, reference_HW))
    rows_hw, columns_hw = np.mgrid[: size[1], : size[0]].astype(np.float32)
    shifts_hw2 = np.zeros((size[1], size[0], 2), np.float32)
    for _ in range(ITERATIONS):
        places = columns_hw + shifts_hw2[..., 0], rows_hw + shifts_hw2[..., 1]
        moved_hw = cv2.remap(reference_hw, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shifts_hw2 += _solve(image_hw, np.asarray(moved_hw, np.float32))
        shifts_hw2 = np.clip(shifts_hw2, -MAX_SHIFT, MAX_SHIFT)
    scale = np.array([width / size[0], height / size[1]], np.float32)
    return np.asarray(cv2.resize(shifts_hw2, (width, height), interpolation=cv2.INTER_LINEAR) * scale, np.float32)


def _reduce(grey_HW: Grey, size: tuple[int, int]) -> Grey:
    smaller_hw = cv2.resize(grey_HW / np.float32(255), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(smaller_hw, (0, 0), BLUR), np.float32)


def _solve(image_hw: Grey, moved_hw: Grey) -> Float32:
    """One step (h, w, 2) of the least squares of every window."""
    difference_hw = image_hw - moved_hw
    slope_x, slope_y = _measure_slopes(moved_hw)
    edges_hw, moved_edges_hw = (
        cv2.GaussianBlur(x * x + y * y, (0, 0), NEAR) + NO_EDGES for x, y in (_measure_slopes(image_hw), (slope_x, slope_y))
    )
    weight_hw = np.minimum(edges_hw, moved_edges_hw) / np.maximum(edges_hw, moved_edges_hw)
    weight_hw /= 1 + np.square(difference_hw / np.float32(OUTLIER))
    products = (slope_x * slope_x, slope_x * slope_y, slope_y * slope_y, slope_x * difference_hw, slope_y * difference_hw)
    xx, xy, yy, x_d, y_d = (cv2.GaussianBlur(weight_hw * product, (0, 0), WINDOW) for product in products)
    xx, yy = xx + RIDGE, yy + RIDGE
    determinant = xx * yy - xy * xy
    return np.stack([(yy * x_d - xy * y_d) / determinant, (xx * y_d - xy * x_d) / determinant], -1).astype(np.float32)


def _measure_slopes(grey_hw: Grey) -> tuple[Grey, Grey]:
    """Gradient in x and in y, for each pixel."""
    x_hw, y_hw = (cv2.Sobel(grey_hw, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.asarray(x_hw, np.float32), np.asarray(y_hw, np.float32)
