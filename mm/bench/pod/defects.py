"""Defects of known size, rendered with sub-pixel position, point spread and pixel aperture.

The size of a defect is its largest diameter. A pit is a disc; a scratch is a line with round ends,
a fifth as wide as long; a stain has an irregular outline and a soft edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mm.errors import InvalidInput
from mm.metrology.shape import measure_diameters

Kind = Literal["scratch", "pit", "stain"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Float64 = npt.NDArray[np.float64]

FINE = 8
"""Steps of the rendering in a pixel."""
SCRATCH_ASPECT = 5.0
STAIN_SOFTNESS = 0.03
"""Standard deviation of the edge of a stain as a share of its size."""
NUM_CORNERS = 180


@dataclass(frozen=True, slots=True, eq=False)
class Defect:
    """A defect around the origin: corners (C, 2) of its outline in millimetres, and its sizes.

    `width_mm` is the width along the medial axis of a scratch, the diameter of a pit, and None for
    a stain, which has none that is known.
    """

    kind: Kind
    outline_C2: Float64
    size_mm: float
    width_mm: float | None
    area_mm2: float
    softness_mm: float


def create_defect(kind: Kind, size_mm: float, random: np.random.Generator) -> Defect:
    """A defect of this largest diameter, at a random angle and, if a stain, of random outline."""
    if not (math.isfinite(size_mm) and size_mm > 0):
        raise InvalidInput(f"A defect of {size_mm} mm is not a positive size.")
    outline, width = _outline(kind, random)
    turn = random.uniform(0, 2 * math.pi)
    outline = outline @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    factor = size_mm / measure_diameters(outline).feret_max
    outline = outline * factor
    following = np.roll(outline, -1, 0)
    area = abs(float((outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum())) / 2
    softness = STAIN_SOFTNESS * size_mm if kind == "stain" else 0.0
    return Defect(kind, outline, size_mm, None if width is None else width * factor, area, softness)


def render_coverage(
    defect: Defect, shape: tuple[int, int], centre_px: tuple[float, float], mm_per_px: float, blur_px: float
) -> Float64:
    """Contrast (H, W) from 0 to 1 of a defect at a centre (x, y).

    `blur_px` is the standard deviation of the lens alone; the aperture of the pixel is added.
    """
    coverage = np.zeros(shape)
    deviation = math.hypot(blur_px, defect.softness_mm / mm_per_px)
    corners = defect.outline_C2 / mm_per_px + centre_px
    reach = math.ceil(4 * deviation) + 1
    left, top = np.maximum(np.floor(corners.min(0)).astype(int) - reach, 0)
    right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int) + reach, (shape[1] - 1, shape[0] - 1)) + 1
    fine = fill_polygon((corners - (left, top) + 0.5) * FINE - 0.5, ((bottom - top) * FINE, (right - left) * FINE))
    if deviation > 0:
        fine = ndimage.gaussian_filter(fine, deviation * FINE, mode="constant")
    coverage[top:bottom, left:right] = fine.reshape(bottom - top, FINE, right - left, FINE).mean((1, 3))
    return coverage


def fill_polygon(corners_C2: Float64, shape: tuple[int, int]) -> Float64:
    """Share of each cell (H, W) inside a polygon of corners (x, y): exact in x, sampled in y.

    The drawing functions of OpenCV and Pillow also fill the cells of the outline, which enlarges
    a shape by about one cell.
    """
    following = np.roll(corners_C2, -1, 0)
    filled, left = np.zeros(shape), np.arange(shape[1]) - 0.5
    for row in range(shape[0]):
        crossed = (corners_C2[:, 1] <= row) != (following[:, 1] <= row)
        (x0, y0), (x1, y1) = corners_C2[crossed].T, following[crossed].T
        ends = np.sort(x0 + (row - y0) * (x1 - x0) / (y1 - y0))
        for start, end in zip(ends[::2], ends[1::2], strict=True):
            filled[row] += np.clip(np.minimum(left + 1, end) - np.maximum(left, start), 0, 1)
    return filled


def _outline(kind: Kind, random: np.random.Generator) -> tuple[Float64, float | None]:
    angles = np.arange(NUM_CORNERS) * 2 * math.pi / NUM_CORNERS
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    if kind == "pit":
        return circle, 2.0
    if kind == "scratch":
        return circle + np.where(circle[:, :1] >= 0, 1, -1) * [(SCRATCH_ASPECT - 1, 0.0)], 2.0
    waves = sum(random.uniform(0.03, 0.10) * np.cos(order * angles + random.uniform(0, 2 * math.pi)) for order in (2, 3, 4))
    return circle * (1 + np.asarray(waves))[:, None], None
