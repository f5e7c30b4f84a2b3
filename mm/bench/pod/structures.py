"""Structures that surfaces without defects have, beside the response of a pit of the same size.

A filter finds a defect only where it responds more to it than to what good surfaces show. Responses
are in standard deviations that the filter has on white noise as strong as that of the surface, so
that on a surface of noise alone they are about 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mm.bench.pod.detector import BORDER_PX, SURROUND
from mm.bench.pod.surfaces import Surface, crop, local_noise

SCALES_PX = (0.7, 1.5, 3.0, 5.0, 8.0)
"""Standard deviations of the centre of a filter."""
PIT_RADIUS = math.sqrt(2 * math.log(SURROUND**2) / (1 - SURROUND**-2))
"""Radius of the disc, in deviations of the centre, to which a filter responds most."""
QUANTILE = 0.9
MAX_SURFACES = 60


@dataclass(frozen=True, slots=True)
class Structure:
    """Responses of one filter."""

    diameter_px: float
    """Of the pit that fits the filter."""
    largest: float
    """On an image without defects: 90 % of the images have a smaller maximum."""
    pit: float
    """On a pit with a contrast of 1 times the noise, without blur."""


def measure_structures(surfaces: Sequence[Surface], side: int, seed: int) -> list[Structure]:
    """Responses of each scale, from crops (side, side) of up to `MAX_SURFACES` surfaces.

    Near the border, where the mirrored texture changes its direction, they do not count.
    """
    random = np.random.default_rng((seed, 4))
    maxima = []
    for surface in surfaces[:MAX_SURFACES]:
        grey_HW = crop(surface, side, random)
        noise = local_noise(grey_HW)
        row = []
        for scale in SCALES_PX:
            response = ndimage.gaussian_filter(grey_HW, scale) - ndimage.gaussian_filter(grey_HW, SURROUND * scale)
            row.append(float(np.abs(response[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]).max()) / (noise * _deviation(scale)))
        maxima.append(row)
    largest = np.quantile(maxima, QUANTILE, axis=0)
    peak = math.exp(-((PIT_RADIUS / SURROUND) ** 2) / 2) - math.exp(-(PIT_RADIUS**2) / 2)
    return [
        Structure(2 * PIT_RADIUS * scale, float(value), peak / _deviation(scale))
        for scale, value in zip(SCALES_PX, largest, strict=True)
    ]


def _deviation(scale: float) -> float:
    """Standard deviation of a filter on white noise of deviation 1."""
    wide = SURROUND * scale
    return math.sqrt((1 / scale**2 + 1 / wide**2) / (4 * math.pi) - 1 / (math.pi * (scale**2 + wide**2)))
