"""The template inspector as the method of the evaluation of boards."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.template.candidates import Candidate
from mm.inspection.template.fit import fit_template
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.types import GoodImage, Mask
from mm.media.types import RGB
from mm.metrics.inspection.boxes import Boxes
from mm.numerics import Float64

SETTINGS = TemplateSettings(conductor="dark")
PADDING = 9
"""Pixels around the region of a defect: the marked boxes of DeepPCB show its surroundings."""


def compare_with_template(tested_HWC: RGB, template_HWC: RGB) -> Boxes:
    """Boxes of the defects of a tested board, with kinds and scores.

    Without boxes where the template has a single colour or the board cannot be aligned with it.
    """
    try:
        inspector = fit_template([GoodImage(template_HWC, "template")], "board", SETTINGS)
    except InvalidInput:
        return Boxes(np.zeros((0, 4)), (), np.zeros(0))
    regions = inspector.inspect(tested_HWC).regions
    boxes_P4 = pad([_box(decode_mask(region.mask_rle, *tested_HWC.shape[:2])) for region in regions], tested_HWC.shape)
    return Boxes(boxes_P4, tuple(region.kind or "" for region in regions), np.array([region.score for region in regions]))


def _box(mask_HW: Mask) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    return left, top, left + width, top + height


def box_candidates(candidates: Sequence[Candidate], size: tuple[int, ...]) -> Float64:
    """Padded boxes (N, 4) of candidates."""
    boxes = []
    for each in candidates:
        height, width = each.mask_hw.shape
        boxes.append((each.left, each.top, each.left + width, each.top + height))
    return pad(boxes, size)


def pad(boxes: Sequence[tuple[int, int, int, int]], size: tuple[int, ...]) -> Float64:
    """Boxes (P, 4) with the surroundings that marked ones show, within an image of `size`."""
    corners_P4 = np.array(boxes, np.float64).reshape(-1, 4) + np.array([-PADDING, -PADDING, PADDING, PADDING])
    return np.asarray(np.clip(corners_P4, 0, [size[1], size[0], size[1], size[0]]))
