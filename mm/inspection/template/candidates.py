"""Connected differences from the tolerance band.

Pixels outside the widened band start a candidate; around them it takes in the pixels that differ
from the band before it was widened, so that its extent is that of the difference and not what is
left of it. Names of arrays end in their axes: H and W of the image, h and w of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import scipy

from mm.inspection.template.band import make_disc, measure_excess, widen
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.types import Mask
from mm.media.types import RGB

EXTENT_PX = 1.5
"""Beyond the tolerance, how far from its start a candidate takes in differing pixels."""

Change = Literal["darker", "lighter"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Pixels of an image that are close to each other and differ in the same direction."""

    left: int
    top: int
    mask_hw: Mask
    """The differing pixels of the window that begins at (left, top)."""
    change: Change
    num_outside: int
    """Pixels outside the widened band."""


def find_candidates(
    image_HWC: RGB, low_HWC: RGB, high_HWC: RGB, inside_HW: Mask, settings: TemplateSettings
) -> tuple[Candidate, ...]:
    """Candidates of an image, all arrays of one size, in reading order of their first pixels.

    The limits are those of good images, before they are widened. Pixels that are not inside are not
    compared.
    """
    outside_HW = measure_excess(image_HWC, *widen(low_HWC, high_HWC, settings.tolerance_px))
    differing_HW = measure_excess(image_HWC, low_HWC, high_HWC)
    candidates: list[Candidate] = []
    for sign in (-1, 1):
        start_HW = (sign * outside_HW > settings.contrast) & inside_HW
        if not start_HW.any():
            continue
        reach = make_disc(settings.tolerance_px + EXTENT_PX)
        near_HW = cv2.dilate(start_HW.astype(np.uint8), reach) > 0
        extent_HW = start_HW | (near_HW & inside_HW & (sign * differing_HW > settings.contrast))
        candidates += _join(extent_HW, start_HW, "darker" if sign < 0 else "lighter", settings)
    return tuple(sorted(candidates, key=lambda candidate: (candidate.top, candidate.left)))


def _join(extent_HW: Mask, start_HW: Mask, change: Change, settings: TemplateSettings) -> list[Candidate]:
    joined_HW = cv2.dilate(extent_HW.astype(np.uint8), make_disc(settings.join_px / 2))
    _, labels_HW = cv2.connectedComponents(joined_HW, connectivity=8)
    labels_HW = np.where(extent_HW, labels_HW, 0)
    candidates = []
    for label, window in enumerate(scipy.ndimage.find_objects(labels_HW), 1):
        if window is None:
            continue
        mask_hw = labels_HW[window] == label
        num_outside = int((start_HW[window] & mask_hw).sum())
        if num_outside >= settings.smallest_area_px:
            candidates.append(Candidate(window[1].start, window[0].start, mask_hw, change, num_outside))
    return candidates
