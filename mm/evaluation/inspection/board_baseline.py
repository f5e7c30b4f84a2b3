"""Baseline for boards: the difference from the template, without registration or a verifier.

The numbers were chosen on train of DeepPCB.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.media.types import RGB
from mm.metrics.inspection.boxes import Boxes

COPPER = 128
"""Grey value below which a pixel is copper."""
OPENING = 4
"""Differences narrower than this many pixels are noise of edges."""
JOIN = 15
"""Differences closer than this many pixels are one defect."""
MIN_AREA = 16
"""Smallest defect, in pixels."""
PADDING = 12
"""Pixels around the difference: annotated boxes show the surroundings."""


def subtract_template(
    tested_HWC: RGB, template_HWC: RGB, opening: int = OPENING, join: int = JOIN, min_area: int = MIN_AREA, padding: int = PADDING
) -> Boxes:
    """Boxes of what differs, scored by area. The kind is only a guess from missing or added copper.

    Raises `InvalidInput` for images of different shapes.
    """
    if tested_HWC.shape != template_HWC.shape:
        raise InvalidInput(
            f"The tested image is {tested_HWC.shape}, the template {template_HWC.shape}; both must be of one size."
        )
    tested_HW, template_HW = (image.mean(2) < COPPER for image in (tested_HWC, template_HWC))
    difference_HW = (tested_HW ^ template_HW).astype(np.uint8)
    kernel, anchor = np.ones((opening, opening), np.uint8), (opening - 1) // 2
    thinned_HW = cv2.erode(difference_HW, kernel, anchor=(anchor, anchor))
    # The anchor is mirrored: an even kernel would shift the opened mask by a pixel.
    kept_HW = cv2.dilate(thinned_HW, kernel, anchor=(opening - 1 - anchor, opening - 1 - anchor))
    joined_HW = cv2.dilate(kept_HW, np.ones((join, join), np.uint8))
    count, labels_HW = cv2.connectedComponents(joined_HW)
    corners, kinds, areas = [], [], []
    height, width = kept_HW.shape
    for label in range(1, count):
        rows, columns = np.nonzero((labels_HW == label) & (kept_HW > 0))
        if len(rows) < min_area:
            continue
        low = max(columns.min() - padding, 0), max(rows.min() - padding, 0)
        high = min(columns.max() + 1 + padding, width), min(rows.max() + 1 + padding, height)
        corners.append([*low, *high])
        is_added = tested_HW[rows, columns].mean() > 0.5
        kinds.append("spur" if is_added else "mousebite")
        areas.append(len(rows))
    return Boxes(np.array(corners, np.float64).reshape(-1, 4), tuple(kinds), np.array(areas, np.float64))
