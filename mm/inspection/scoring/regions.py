"""Connected areas of a heat map above a threshold, with their outlines.

Names of arrays end in their axes: H height, W width, P points of an outline, 2 x and y.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.scoring.run_length import encode_window
from mm.inspection.types import Mask, Region
from mm.numerics import Float32

MAX_REGIONS = 100
"""Regions of an image that are returned, those with the highest scores."""


def find_regions(heat_HW: Float32, threshold: float, min_area_px: float = 0.0) -> tuple[Region, ...]:
    """Areas, connected over edges and corners, whose heat exceeds a threshold.

    Smaller areas than `min_area_px` are left out. In descending order of their largest heat.
    """
    count, labels_HW, stats, _ = cv2.connectedComponentsWithStats((heat_HW > threshold).astype(np.uint8), connectivity=8)
    regions = []
    for label in range(1, count):
        left, top, width, height, area = map(int, stats[label])
        if area < max(min_area_px, 1):
            continue
        part_HW = labels_HW[top : top + height, left : left + width] == label
        score = float(heat_HW[top : top + height, left : left + width][part_HW].max())
        regions.append((score, part_HW, left, top))
    regions.sort(key=lambda region: -region[0])
    return tuple(describe_region(part_HW, left, top, heat_HW.shape, score) for score, part_HW, left, top in regions[:MAX_REGIONS])


def describe_region(part_HW: Mask, left: int, top: int, size: tuple[int, ...], score: float, kind: str | None = None) -> Region:
    """The region of a mask that begins at (left, top) of an image of `size` (height, width).

    The mask may have several pieces, as where a defect of a board is interrupted.
    """
    outlines, _ = cv2.findContours(part_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array([left, top], np.float32)
    polygon_P2, *further = (
        outline.reshape(-1, 2).astype(np.float32) + corner for outline in sorted(outlines, key=len, reverse=True)
    )
    mask_rle = encode_window(part_HW, left, top, (size[0], size[1]))
    return Region(polygon_P2, mask_rle, float(part_HW.sum()), score, kind, tuple(further))
