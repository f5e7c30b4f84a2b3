"""Detectors of the POD bench: their contract, and a baseline by matched filters.

The baseline is what a machine-vision engineer builds first: differences of Gaussians and of lines
at several scales, each relative to its own deviation in the image, because texture has a direction,
and to its maxima on good images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Grey = npt.NDArray[np.uint8]
Heat = npt.NDArray[np.float32]

SCALES_PX = (0.7, 1.0, 1.5, 2.2, 3.3, 5.0)
LINE_SCALES_PX = (0.7, 1.2, 2.0)
NUM_ANGLES = 8
LINE_ASPECT = 3.0
BORDER_PX = 12
"""Nothing is detected closer to the border, where the mirrored texture changes its direction."""
MIN_DEVIATION = 0.3
"""Deviation of a filter of norm 1 by the rounding to whole grey levels."""
SURROUND = 1.6
"""Ratio of the deviations of surround and centre; 1.6 approximates the Laplacian (Marr 1980)."""


class Detector(Protocol):
    """Maps an image to heat; a region above the threshold is a call."""

    name: str
    threshold: float
    is_loose: bool
    """Whether called regions are larger than the defect by many pixels, as patches are; the pixels
    of the defect are then searched for in them before it is measured."""

    def fit(self, goods: Sequence[Grey], rate: float) -> None:
        """Fit to good images (H, W); `rate` is the share of good images with a call."""

    def heat(self, grey_HW: Grey) -> Heat:
        """Heat (H, W) of an image (H, W)."""


class MatchedFilters:
    """The baseline. Bright and dark defects are detected equally."""

    name = "matched filters"
    is_loose = False

    def __init__(self) -> None:
        self.threshold = math.inf
        self._kernels = _kernels()
        self._limits = np.ones(len(self._kernels), np.float32)

    def fit(self, goods: Sequence[Grey], rate: float) -> None:
        """Half of the good images give the limit of each filter, the others the threshold.

        Raises `InvalidInput` when the others are too few for the rate: with n images the smallest
        rate is 1 / (n + 1).
        """
        half = len(goods) // 2
        count = len(goods) - half
        if half < 1 or rate * (count + 1) < 1:
            raise InvalidInput(f"{count} good images cannot show a rate of {rate:g}; the smallest is {1 / (count + 1):.3g}.")
        maxima = [[float(response.max()) for response in self._deviations(good)] for good in goods[:half]]
        self._limits = np.median(maxima, 0).astype(np.float32)
        highest = np.sort([float(self.heat(good).max()) for good in goods[half:]])
        self.threshold = float(highest[math.ceil((1 - rate) * (count + 1)) - 1])

    def heat(self, grey_HW: Grey) -> Heat:
        """Largest response of a filter, as a share of its usual maximum on a good image."""
        heat = np.zeros(grey_HW.shape, np.float32)
        for response, limit in zip(self._deviations(grey_HW), self._limits, strict=True):
            np.maximum(heat, response / limit, out=heat)
        return heat

    def _deviations(self, grey_HW: Grey) -> Iterator[Heat]:
        """Sizes of the responses, in deviations of the responses of that filter in this image."""
        for response in self._responses(grey_HW):
            size = np.abs(response)
            deviations = size / max(1.4826 * float(np.median(size)), MIN_DEVIATION)
            framed = np.zeros(deviations.shape, np.float32)
            framed[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = deviations[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
            yield framed

    def _responses(self, grey_HW: Grey) -> list[Heat]:
        grey = grey_HW.astype(np.float32)
        return [cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT) for kernel in self._kernels]


def _kernels() -> list[Heat]:
    """Centre minus surround, of sum 0 and norm 1: round ones, and lines at several angles."""
    kernels = [_kernel(scale, scale, 0.0) for scale in SCALES_PX]
    for scale in LINE_SCALES_PX:
        kernels += [_kernel(LINE_ASPECT * scale, scale, math.pi * step / NUM_ANGLES) for step in range(NUM_ANGLES)]
    return kernels


def _kernel(along: float, across: float, angle: float) -> Heat:
    radius = math.ceil(3 * SURROUND * max(along, across * SURROUND))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    centre, surround = (np.exp(-(u**2) / (2 * along**2) - v**2 / (2 * wide**2)) for wide in (across, SURROUND * across))
    if along == across:
        surround = np.exp(-(u**2 + v**2) / (2 * (SURROUND * across) ** 2))
    kernel = centre / centre.sum() - surround / surround.sum()
    normed: Heat = (kernel / np.linalg.norm(kernel)).astype(np.float32)
    return normed
