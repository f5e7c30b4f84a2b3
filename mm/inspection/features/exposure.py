"""Brings images of different exposure to one brightness and contrast.

Without it an inspector must have seen each exposure. Names of arrays end in their axes: H height, W
width, C channels, L grey levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float64

LEVELS = np.arange(256, dtype=np.float64)
BRIGHTNESS, CONTRAST = 128.0, 40.0
"""Mean and standard deviation of the grey levels of a corrected image."""
LARGEST_GAIN = 4.0
"""A flat image is not amplified further: its contrast is noise."""
EXTREME_SHARE = 0.02
"""Share of the pixels at either end whose grey levels count as the next one: a defect is no
exposure."""
VARIATION = 0.15
"""Relative deviation of the brightness or contrast of good images from which they vary."""
CLIPPED_SHARE = 0.002
"""Share of the pixels at either end that a correction may move beyond 0 to 255."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Mean and standard deviation of the grey levels of an image, with limited extremes."""

    brightness: float
    contrast: float


def measure_exposure(image_HWC: RGB) -> Exposure:
    """The exposure of an image (H, W, 3), over all channels. Raises `InvalidInput`."""
    require_image(image_HWC)
    return _measure(_count_levels(image_HWC))


def varies(exposures: Sequence[Exposure]) -> bool:
    """Whether images of good parts differ so much in exposure that it has to be corrected.

    Where the light is constant, a part that is darker than the good ones is a finding, and a
    correction would hide it.
    """
    values_N2 = np.array([(exposure.brightness, exposure.contrast) for exposure in exposures])
    return bool((values_N2.std(0) > VARIATION * np.maximum(values_N2.mean(0), 1.0)).any())


def correct_exposure(image_HWC: RGB) -> RGB:
    """The image (H, W, 3) with the brightness and contrast that all corrected images have.

    One gain and one offset apply to all pixels and channels, so colours keep their differences.
    """
    counts_L = _count_levels(image_HWC)
    exposure = _measure(counts_L)
    lowest, highest = _find_quantiles(counts_L, CLIPPED_SHARE)
    reach = max(highest - exposure.brightness, exposure.brightness - lowest, 1.0)
    gain = min(CONTRAST / max(exposure.contrast, 1e-6), LARGEST_GAIN, (255 - BRIGHTNESS) / reach)
    table_L = np.clip(np.rint((LEVELS - exposure.brightness) * gain + BRIGHTNESS), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image_HWC, table_L), np.uint8)


def _count_levels(image_HWC: RGB) -> Float64:
    counts = [cv2.calcHist([image_HWC], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return np.asarray(np.sum(counts, axis=0), np.float64)


def _measure(counts_L: Float64) -> Exposure:
    limited_L = np.clip(LEVELS, *_find_quantiles(counts_L, EXTREME_SHARE))
    mean = float(np.average(limited_L, weights=counts_L))
    return Exposure(mean, float(np.sqrt(np.average((limited_L - mean) ** 2, weights=counts_L))))


def _find_quantiles(counts_L: Float64, share: float) -> tuple[float, float]:
    """Grey levels below and above which about a share of the pixels is."""
    low, high = np.searchsorted(np.cumsum(counts_L) / counts_L.sum(), (share, 1 - share))
    return float(low), float(high)
