"""The pixels of a defect inside a loose region, such as one of a heat map of patches.

`measure` needs a mask that is wrong by a few pixels at most; a region of patches is wrong by tens.
The background is a median, which keeps the edges of a part and removes what is narrower than half
of its window. Windows of several sizes are tried: a small one for a scratch beside a structure of
the part, a large one for a spot that fills its region.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import NotMeasurable
from mm.metrology.edges import Float64, Mask

REACH_PX = 16
"""A defect may leave the region by this much: heat is smooth, and faint at its ends."""
SMOOTHING_PX = 0.8
SEED, GROWTH = 6.0, 3.0
"""Contrast, in standard deviations of the background, at which a defect begins and ends."""
CORE = 0.5
"""Weight by heat at which a defect begins."""
MAX_KERNEL = 255
"""Largest side of the window of the median, in pixels."""
MIN_NOISE = 0.5
"""Grey levels; the rounding to whole levels alone is 0.3."""
MIN_BACKGROUND = 100
"""Fewest pixels around the region that the noise is estimated from."""


def trace(region_HW: Mask, grey_HW: npt.NDArray[np.uint8], heat_HW: npt.NDArray[np.float32] | None = None) -> Mask:
    """The mask (H, W) of the strongest connected contrast in a loose region of a grey image (H, W).

    With a heat map (H, W), contrast counts by its heat, and the defect lies in the core of the
    region, where the heat is above the middle between its least and its largest value: a structure
    of the part that the region also covers is less hot. Raises `NotMeasurable` when nothing stands
    out from its background, or when there is no background around the region.
    """
    if region_HW.shape != grey_HW.shape or not region_HW.any():
        raise NotMeasurable("The region has no pixels in the image.")
    weights_HW = _weigh(region_HW, heat_HW)
    kernels = _choose_kernels(weights_HW >= CORE)
    around = kernels[-1] // 2 + REACH_PX
    rows, columns = np.flatnonzero(region_HW.any(1)), np.flatnonzero(region_HW.any(0))
    window = tuple(slice(max(0, int(places[0]) - around), int(places[-1]) + 1 + around) for places in (rows, columns))
    traced_HW = np.zeros_like(region_HW)
    traced_HW[window] = _trace(weights_HW[window], region_HW[window], np.ascontiguousarray(grey_HW[window]), kernels)
    return traced_HW


def _weigh(region_HW: Mask, heat_HW: npt.NDArray[np.float32] | None) -> Float64:
    """Weight of each pixel: 1 at the largest heat of the region, 0 at its least and outside."""
    if heat_HW is None or np.ptp(heat_HW[region_HW]) == 0:
        return region_HW.astype(np.float64)
    least, largest = float(heat_HW[region_HW].min()), float(heat_HW[region_HW].max())
    return np.where(region_HW, (heat_HW - least) / (largest - least), 0.0)


def _choose_kernels(core_HW: Mask) -> list[int]:
    """Sides of the window of the median in pixels, ascending: odd, as `cv2.medianBlur` requires."""
    points_P2 = np.argwhere(core_HW)[:, ::-1].astype(np.float32)
    short, long = sorted(side + 1 for side in cv2.minAreaRect(points_P2)[1])
    return sorted({min(max(int(side) | 1, 5), MAX_KERNEL) for side in (short, 1.5 * short, 1.5 * long)})


def _trace(weights_HW: Float64, region_HW: Mask, grey_HW: npt.NDArray[np.uint8], kernels: list[int]) -> Mask:
    near_HW = cv2.dilate(region_HW.astype(np.uint8), np.ones((2 * REACH_PX + 1,) * 2, np.uint8)).astype(bool)
    if (~near_HW).sum() < MIN_BACKGROUND:
        raise NotMeasurable("The region has too little background around it; the defect in it cannot be located.")
    candidates = []
    for kernel in kernels:
        residual_HW = grey_HW.astype(np.float64) - cv2.medianBlur(grey_HW, kernel)
        smooth_HW = np.asarray(cv2.GaussianBlur(residual_HW, (0, 0), SMOOTHING_PX), np.float64)
        noise = max(1.4826 * float(np.median(np.abs(smooth_HW[~near_HW]))), MIN_NOISE)
        candidates += [_find_strongest(sign * smooth_HW, weights_HW, near_HW, noise) for sign in (1.0, -1.0)]
    strength, mask_HW = max(candidates, key=lambda candidate: candidate[0])
    if not strength:
        raise NotMeasurable(f"Nothing in the region differs from its background by {SEED:g} times the noise.")
    return mask_HW


def _find_strongest(smooth_HW: Float64, weights_HW: Float64, near_HW: Mask, noise: float) -> tuple[float, Mask]:
    """The component with the most weighted contrast, and this contrast.

    The weighted sum counts by its share of the whole, since a structure of the part that the region
    touches lies mostly outside.
    """
    follow_HW = near_HW & (smooth_HW > GROWTH * noise)
    _, labels_HW = cv2.connectedComponents(follow_HW.astype(np.uint8), connectivity=8)
    seeds_HW = (weights_HW >= CORE) & (smooth_HW > SEED * noise)
    if not seeds_HW.any():
        return 0.0, follow_HW
    contrast_HW = np.where(follow_HW, smooth_HW, 0)
    whole, weighted = (np.bincount(labels_HW.ravel(), values_HW.ravel()) for values_HW in (contrast_HW, contrast_HW * weights_HW))
    numbers = np.unique(labels_HW[seeds_HW])
    strengths = weighted[numbers] ** 2 / whole[numbers]
    component_HW = labels_HW == numbers[strengths.argmax()]
    # Half of its own contrast: what is fainter is the foot of the blurred edge, or texture.
    level = float(np.percentile(smooth_HW[component_HW], 90)) / 2
    return float(strengths.max()), _largest(component_HW & (smooth_HW > level))


def _largest(mask_HW: Mask) -> Mask:
    _, labels_HW, stats, _ = cv2.connectedComponentsWithStats(mask_HW.astype(np.uint8), connectivity=8)
    largest: Mask = labels_HW == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    return largest
