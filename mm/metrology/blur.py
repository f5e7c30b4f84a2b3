"""Size of an object before blur, from the size of its line of half contrast.

The width between the points of half of the peak of a blurred slit, or disc, is larger than the
object where the blur lowers its peak. Both relations are computed for a Gaussian of standard
deviation 1 and scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Width at half height of a Gaussian of standard deviation 1, the smallest blurred width."""
SMALLEST = 0.25
"""Sizes are resolved from this many standard deviations of the blur."""
_SIZES = np.geomspace(SMALLEST, 12.0, 160)
LONG, ROUND = 2.0, 1.25
"""Ratio of length to width from which a region is a slit, and up to which it is a disc."""


def slit_share(aspect: float) -> float:
    """How far a region of this ratio of length to width is a slit (1) and not a disc (0)."""
    return float(np.clip((aspect - ROUND) / (LONG - ROUND), 0, 1))


def deblur(width: float, blur: float, aspect: float) -> float:
    """The width before blur of a region whose line of half contrast is `width` wide.

    `aspect` is its ratio of length to width. All in one unit. A width that no object of at least
    `SMALLEST` times the blur has is that smallest size.
    """
    if blur <= 0:
        return width
    slit, disc = deblur_slit(width, blur), deblur_disc(width, blur)
    share = slit_share(aspect)
    return share * slit + (1 - share) * disc


def deblur_slit(width: float, blur: float) -> float:
    """The width before blur of a long region."""
    return blur * float(np.interp(width / blur, slit_widths(), _SIZES)) if width < 12 * blur else width


def deblur_disc(diameter: float, blur: float) -> float:
    """The diameter before blur of a round region."""
    if diameter >= disc_widths()[-1] * blur:
        return diameter + 2 * blur**2 / diameter  # each edge is moved in by s^2 / (2 R)
    return blur * float(np.interp(diameter / blur, disc_widths(), _SIZES))


@cache
def slit_widths() -> Float64:
    """Width at half peak of slits of the sizes `_SIZES`, blurred by a Gaussian of deviation 1."""
    return np.array([_width_at_half_peak(_slit(size / 2), size) for size in _SIZES])


@cache
def disc_widths() -> Float64:
    """Diameter at half peak of discs of the sizes `_SIZES`, blurred as the slits are."""
    return np.array([_width_at_half_peak(_disc(size / 2), size) for size in _SIZES])


def _slit(half: float) -> Callable[[float], float]:
    return lambda x: math.erf((x + half) / math.sqrt(2)) - math.erf((x - half) / math.sqrt(2))


def _disc(half: float) -> Callable[[float], float]:
    """Blurred disc by the distance x of its centre: its chords, integrated over the Gaussian."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    offsets = half * nodes
    chords = np.sqrt(half**2 - offsets**2)
    factors = weights * np.array([math.erf(chord / math.sqrt(2)) for chord in chords])
    return lambda x: float((factors * np.exp(-((x - offsets) ** 2) / 2)).sum())


def _width_at_half_peak(profile: Callable[[float], float], size: float) -> float:
    half_peak, low, high = profile(0.0) / 2, 0.0, size / 2 + 4.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if profile(middle) > half_peak else (low, middle)
    return 2 * low
