"""Fine structure of the pixels of each patch: dark and bright spots and lines.

The vectors of the backbone are means over 24 pixels and more, so a crack of two pixels or a hole of
five hardly changes them. The image is first divided by its local contrast, so that the exposure
matters little. Spots are differences of Gaussians, lines are the eigenvalues of the Hessian
(Lindeberg 1998, "Edge detection and ridge detection with automatic scale selection"). Names of
arrays end in their axes: H height and W width in pixels, h and w in patches, C channels.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.features.backbone import STRIDE
from mm.inspection.features.framing import count_patches
from mm.media.types import RGB
from mm.numerics import Float32

CONTRAST_SIGMA = 12.0
"""Standard deviation in pixels of the window of the local mean and contrast."""
MIN_CONTRAST = 2.0
"""Grey values that are added to the local contrast, so that noise of a plain area stays small."""
SPOT_SIGMAS = (1.0, 2.0, 4.0, 8.0)
LINE_SIGMAS = (0.8, 1.5, 2.5)
NUM_DETAILS = 2 * len(SPOT_SIGMAS) + 4 * len(LINE_SIGMAS) + 7


def extract_details(pixels_HWC: RGB) -> Float32:
    """Numbers (h, w, `NUM_DETAILS`) of the patches of a scaled image."""
    grey_HW = pixels_HWC.mean(2, dtype=np.float32)
    rows, columns = count_patches(*grey_HW.shape)
    bottom, right = rows * STRIDE - grey_HW.shape[0], columns * STRIDE - grey_HW.shape[1]
    grey_HW = cv2.copyMakeBorder(grey_HW, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
    mean_HW = _blur(grey_HW, CONTRAST_SIGMA)
    contrast_HW = np.asarray(np.sqrt(_blur(np.square(grey_HW - mean_HW), CONTRAST_SIGMA)) + MIN_CONTRAST, np.float32)
    flat_HW: Float32 = (grey_HW - mean_HW) / contrast_HW
    found: list[Float32] = []
    for sigma in SPOT_SIGMAS:
        spots_HW = _blur(flat_HW, sigma) - _blur(flat_HW, 1.6 * sigma)
        found += [_largest(spots_HW), _largest(-spots_HW)]
    for sigma in LINE_SIGMAS:
        smooth_HW = _blur(flat_HW, sigma)
        across, along = _hessian_eigenvalues(smooth_HW, sigma)
        found += [_largest(across), _largest(-along), _largest(across - np.abs(along)), _largest(-along - np.abs(across))]
    mean_hw = _mean(flat_HW)
    deviation_hw = np.sqrt(np.maximum(_mean(np.square(flat_HW)) - mean_hw**2, 0))
    levels = [_mean(grey_HW) / 64, _mean(mean_HW) / 64, _mean(contrast_HW) / 8]
    return np.stack([*found, mean_hw, deviation_hw, *levels, _largest(flat_HW), _largest(-flat_HW)], -1).astype(np.float32)


def _hessian_eigenvalues(smooth_HW: Float32, sigma: float) -> tuple[Float32, Float32]:
    """The larger and the smaller eigenvalue at each pixel, for the scale `sigma`."""
    rows_HW, columns_HW, mixed_HW = (
        cv2.Sobel(smooth_HW, cv2.CV_32F, *order, ksize=3, borderType=cv2.BORDER_REFLECT_101) * np.float32(sigma**2 / 4)
        for order in ((0, 2), (2, 0), (1, 1))
    )
    middle_HW, half_HW = (rows_HW + columns_HW) / 2, np.hypot((rows_HW - columns_HW) / 2, mixed_HW)
    return middle_HW + half_HW, middle_HW - half_HW


def _blur(values_HW: Float32, sigma: float) -> Float32:
    return np.asarray(cv2.GaussianBlur(values_HW, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _largest(values_HW: Float32) -> Float32:
    return np.asarray(_split(values_HW).max((1, 3)), np.float32)


def _mean(values_HW: Float32) -> Float32:
    return np.asarray(_split(values_HW).mean((1, 3)), np.float32)


def _split(values_HW: Float32) -> Float32:
    """The pixels of each patch: (h, STRIDE, w, STRIDE)."""
    height, width = values_HW.shape
    return values_HW.reshape(height // STRIDE, STRIDE, width // STRIDE, STRIDE)
