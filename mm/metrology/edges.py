"""Sub-pixel edge of a region: the line of half contrast between the region and its background.

The background is a plane fitted to a ring around the mask, so that uneven light shifts no edge. The
image is smoothed when the noise needs it, and interpolated by cubic splines. Names of arrays end in
their axes: H, W of the crop, h, w of its fine grid, P points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy

from mm.errors import InvalidInput, NotMeasurable
from mm.metrology.scale import Points

Float64 = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | Float64
Mask = npt.NDArray[np.bool_]

GAP_PX, RING_PX = 3, 5
"""The ring starts this far from the mask, where a blurred edge has ended, and is this wide."""
MIN_RING = 20
"""Fewest pixels of the ring: a plane has three coefficients, and the noise is estimated too."""
SMOOTHING_PX = 0.8
"""Standard deviation of the smoothing of noisy images; it reduces white noise to 0.35 of it."""
QUIET = 30.0
"""Contrast-to-noise ratio above which nothing is smoothed."""
MIN_CONTRAST = 3.0
"""Smallest contrast in standard deviations of the smoothed noise at which an edge is located."""
FINEST = 8
"""Steps of the fine grid in a pixel, fewer for large regions."""
MAX_FINE = 4_000_000
"""Most points of the fine grid."""
CORE_BLURS = 2.2
"""Depth, in standard deviations of the blur, from which the edge lowers the level by under 2 %."""
AXIS_SHARE = 0.75
"""Where no part is that deep, the level is that of the cells of at least this share of the largest
depth: the centre of a pit, the axis of a scratch."""
ROUNDS = 4
"""The level and the line of half contrast determine each other; this many rounds suffice."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """The region inside the line of half contrast, on a fine grid, and how well it is located.

    `inside_hw` is True inside, and `corner` (x, y) is its first pixel in the image. `points_P2` are
    the crossings of the line with the fine grid, in pixels (x, y) of the image. `step` is the
    distance of the grid in pixels. `location_px` is the standard uncertainty of one point of the
    edge by noise, `level_px` the one that all points share by the estimate of the level inside.
    `smoothing_px` was added to the blur of the image.
    """

    inside_hw: Mask
    corner: tuple[int, int]
    points_P2: Points
    step: float
    contrast: float
    noise: float
    smoothing_px: float
    location_px: float
    level_px: float

    @property
    def area_px2(self) -> float:
        """Area inside the line, in square pixels."""
        return float(self.inside_hw.sum()) * self.step**2


def locate_edge(mask_HW: Mask, image_HWC: Pixels, blur_px: float) -> Edge:
    """Locate the edge of the region of a mask (H, W) in an image (H, W, 3), or (H, W) if grey.

    The mask may be wrong by up to `GAP_PX`. `blur_px` is the standard deviation of the point spread
    of the image. Raises `NotMeasurable` for an empty mask, a region without background around it,
    and a region without contrast.
    """
    if mask_HW.shape != image_HWC.shape[:2] or mask_HW.ndim != 2:
        raise NotMeasurable(f"A mask of shape {mask_HW.shape} does not fit an image of shape {image_HWC.shape}.")
    if not mask_HW.any():
        raise NotMeasurable("The mask has no pixels.")
    window, corner = _crop(mask_HW, GAP_PX + RING_PX + 1)
    mask, grey = mask_HW[window], grey_levels(image_HWC[window])  # of the window only: images are large
    residual, ring = _subtract_background(mask, grey)
    residual *= 1.0 if residual[mask].mean() >= 0 else -1.0
    highest = float(np.percentile(residual[mask], 90))
    white = _spread(residual[ring])
    smoothing = SMOOTHING_PX if highest < QUIET * white else 0.0
    smooth = scipy.ndimage.gaussian_filter(residual, smoothing) if smoothing else residual
    noise = max(_spread(smooth[ring]), white * _noise_gain(smoothing))  # texture is not white
    step = 1 / _steps(mask.shape)
    fine, near = _interpolate(smooth, step), _enlarge(_grow(mask, 1), step)
    inside, level, num_level = _half_contrast(fine, near, step, math.hypot(blur_px, smoothing), smoothing)
    if level <= max(MIN_CONTRAST * noise, 1e-9):
        raise NotMeasurable(
            f"The region differs from its background by {level:.1f} grey levels with a noise of {noise:.1f}; "
            f"an edge needs {MIN_CONTRAST:g} times the noise."
        )
    crossings, slope = _crossings(fine - level / 2, inside, step)
    if not len(crossings):
        raise NotMeasurable("The region has no closed line of half contrast.")
    shared = noise / math.sqrt(num_level) / 2 / slope
    return Edge(inside, corner, crossings + corner, step, level, noise, smoothing, noise / slope, shared)


def grey_levels(image_HWC: Pixels) -> Float64:
    """Grey levels (H, W), by the luma weights of BT.601. Raises `InvalidInput` for other shapes."""
    if image_HWC.ndim == 2:
        return image_HWC.astype(np.float64)
    if image_HWC.ndim != 3 or image_HWC.shape[2] != 3:
        raise InvalidInput(f"An image of shape {image_HWC.shape} is neither grey nor RGB.")
    grey: Float64 = image_HWC.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return grey


def independent_points(length_px: float, smoothing_px: float) -> float:
    """Number of points with independent noise along a line: its length over that of correlation.

    White noise smoothed by a Gaussian of standard deviation s is correlated over 2 sqrt(pi) s.
    """
    return max(1.0, length_px / max(1.0, 2 * math.sqrt(math.pi) * smoothing_px))


def _crop(mask_HW: Mask, margin: int) -> tuple[tuple[slice, slice], tuple[int, int]]:
    rows, columns = np.flatnonzero(mask_HW.any(1)), np.flatnonzero(mask_HW.any(0))
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return (slice(top, rows[-1] + margin + 1), slice(left, columns[-1] + margin + 1)), (int(left), int(top))


def _grow(mask_HW: Mask, radius: int) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown: Mask = cv2.dilate(mask_HW.astype(np.uint8), kernel).astype(bool)
    return grown


def _subtract_background(mask_HW: Mask, grey_HW: Float64) -> tuple[Float64, Mask]:
    """The image minus the plane of the ring around the mask, and the ring."""
    inner = _grow(mask_HW, GAP_PX)
    ring = _grow(inner, RING_PX) & ~inner
    if ring.sum() < MIN_RING:
        raise NotMeasurable("The region has too little background around it; its edge cannot be located.")
    height, width = grey_HW.shape
    y_HW, x_HW = np.mgrid[:height, :width]
    terms = np.stack([np.ones_like(grey_HW), x_HW - width / 2, y_HW - height / 2], -1)
    kept = ring
    for _ in range(2):
        coefficients = np.linalg.lstsq(terms[kept], grey_HW[kept], rcond=None)[0]
        residual = grey_HW - terms @ coefficients
        kept = ring & (np.abs(residual) <= 3 * _spread(residual[ring]) + 1e-9)  # other defects and marks in the ring
    return residual, ring


def _spread(values_R: Float64) -> float:
    """Standard deviation of values of mean 0, by the median of their sizes."""
    return 1.4826 * float(np.median(np.abs(values_R)))


def _noise_gain(smoothing: float) -> float:
    """Share of white noise that the sampled Gaussian leaves."""
    if not smoothing:
        return 1.0
    taps = scipy.ndimage.gaussian_filter1d(np.eye(1, 33, 16)[0], smoothing)
    return float((taps**2).sum())


def _half_contrast(fine_hw: Float64, near_hw: Mask, step: float, blur: float, smoothing: float) -> tuple[Mask, float, float]:
    """The region above half of its level, the level, and the independent points in its mean."""
    level, num_level = float(np.percentile(fine_hw[near_hw], 90)), 1.0
    inside = near_hw
    for _ in range(ROUNDS):
        inside = _component(fine_hw > level / 2, near_hw)
        if not inside.any():
            return inside, 0.0, 1.0
        depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1] * step
        core = depth > min(CORE_BLURS * blur, AXIS_SHARE * depth.max())
        level = float(fine_hw[core].mean())
        num_level = float(core.sum()) * step**2 / max(1.0, 4 * math.pi * smoothing**2)
    return inside, level, max(1.0, num_level)


def _steps(shape: tuple[int, ...]) -> int:
    return max(1, min(FINEST, int(math.sqrt(MAX_FINE / (shape[0] * shape[1])))))


def _interpolate(image_HW: Float64, step: float) -> Float64:
    """Cubic splines at the centres of the cells of the fine grid."""
    rows, columns = ((np.arange(round(size / step)) + 0.5) * step - 0.5 for size in image_HW.shape)
    grid = np.meshgrid(rows, columns, indexing="ij")
    fine: Float64 = scipy.ndimage.map_coordinates(image_HW, grid, order=3, mode="mirror")
    return fine


def _enlarge(mask_HW: Mask, step: float) -> Mask:
    """The mask on the fine grid."""
    steps = round(1 / step)
    enlarged: Mask = np.repeat(np.repeat(mask_HW, steps, 0), steps, 1)
    return enlarged


def _component(above_hw: Mask, near_hw: Mask) -> Mask:
    """The connected part of `above_hw` that overlaps most with `near_hw`, its holes filled."""
    count, labels = cv2.connectedComponents(above_hw.astype(np.uint8), connectivity=4)
    overlap = np.bincount(labels[near_hw], minlength=count)
    overlap[0] = 0
    if not overlap.any():
        return np.zeros_like(above_hw)
    filled: Mask = scipy.ndimage.binary_fill_holes(labels == overlap.argmax())
    return filled


def _crossings(excess_hw: Float64, inside_hw: Mask, step: float) -> tuple[Points, float]:
    """Zeros of the excess on the grid lines, in pixels of the crop; median slope per pixel."""
    slope_hw = np.hypot(*np.gradient(excess_hw)) / step
    points, slopes = [], []
    for axis in (0, 1):
        size = excess_hw.shape[axis]
        first, second = np.take(excess_hw, range(size - 1), axis), np.take(excess_hw, range(1, size), axis)
        border = np.take(inside_hw, range(size - 1), axis) != np.take(inside_hw, range(1, size), axis)
        rows, columns = np.nonzero(border & (first * second <= 0) & (first != second))
        a, b = first[rows, columns], second[rows, columns]
        position = np.stack([columns, rows], 1).astype(np.float64)
        position[:, 1 - axis] += a / (a - b)
        points.append((position + 0.5) * step - 0.5)
        slopes.append(slope_hw[rows, columns])
    slope = float(np.median(np.concatenate(slopes))) if sum(map(len, slopes)) else 0.0
    return np.concatenate(points), max(slope, 1e-9)
