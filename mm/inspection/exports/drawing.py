"""Draws heat and the outlines of regions over an image."""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.exports.files import OpenHeat, OpenImage
from mm.media.types import RGB
from mm.numerics import Float32
from mm.schemas import InspectionRecord

OPACITY = 0.7
"""Of the hottest pixel."""
OUTLINE = (255, 255, 255)
LEAST_RANGE = 1.5
"""Heat of the strongest colour, at least, as a multiple of the heat from which colour begins."""


def draw_overlay(image_HWC: RGB, heat_HW: Float32, record: InspectionRecord) -> RGB:
    """The image, uint8 RGB (H, W, 3), with heat in colours and the regions outlined in white.

    Colour begins at the score of the threshold, so that a good part stays without colour. Without a
    threshold it begins at the median of the heat.
    """
    begin = record.threshold.score if record.threshold.score is not None else float(np.median(heat_HW))
    full = max(float(heat_HW.max()), LEAST_RANGE * begin, begin + 1e-9)
    share_HW = np.clip((heat_HW - begin) / (full - begin), 0, 1)
    colour_HWC = cv2.applyColorMap(np.rint(255 * share_HW).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity_HW1 = (OPACITY * np.minimum(2 * share_HW, 1))[..., None]
    blended = image_HWC * (1 - opacity_HW1) + colour_HWC * opacity_HW1
    drawn = np.ascontiguousarray(np.rint(blended).astype(np.uint8))
    thickness = max(1, round(max(image_HWC.shape) / 480))
    for region in record.regions:
        outlines = [np.rint(np.array(each)).astype(np.int32).reshape(-1, 1, 2) for each in (region.polygon, *region.further)]
        cv2.polylines(drawn, outlines, isClosed=True, color=OUTLINE, thickness=thickness, lineType=cv2.LINE_AA)
    return drawn


def draw_pair(record: InspectionRecord, open_image: OpenImage, open_heat: OpenHeat) -> RGB:
    """The image and its overlay side by side, the latter below for a wide image.

    Raises as the openers.
    """
    image_HWC = open_image(record)
    overlay_HWC = draw_overlay(image_HWC, open_heat(record), record)
    return np.concatenate([image_HWC, overlay_HWC], axis=int(image_HWC.shape[1] <= 2 * image_HWC.shape[0]))


def shrink(image_HWC: RGB, longest: int) -> RGB:
    """The image with no side over `longest` pixels."""
    factor = longest / max(image_HWC.shape[:2])
    if factor >= 1:
        return image_HWC
    height, width = (max(1, round(side * factor)) for side in image_HWC.shape[:2])
    return np.asarray(cv2.resize(image_HWC, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
