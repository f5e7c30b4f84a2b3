"""Region of interest of a line: bounding box, mask and crops of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.inspection.types import Mask
    from mm.media.types import RGB

PART_MARGIN = 0.1  # of the longer side of a part, on each side of its crop


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels [left, right) x [top, bottom) of a frame."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def crop(self, image: RGB) -> RGB:
        """The pixels (height, width, 3) of a frame inside the box, as a view."""
        return image[self.top : self.bottom, self.left : self.right]


class Region:
    """A polygon for frames of one size.

    Raises `InvalidInput` when it has no pixel in the frame.
    """

    def __init__(self, polygon: tuple[tuple[float, float], ...], height: int, width: int) -> None:
        """`polygon` has the corners x, y in pixels; without corners the region is the frame."""
        self.height, self.width = height, width
        self.box = Box(0, 0, width, height)
        self.mask_HW: Mask | None = None
        if not polygon:
            return
        corners = np.asarray(polygon, np.float64)
        left, top = np.floor(corners.min(0)).astype(int)
        right, bottom = np.ceil(corners.max(0)).astype(int)
        box = Box(max(int(left), 0), max(int(top), 0), min(int(right), width), min(int(bottom), height))
        if box.width < 1 or box.height < 1:
            raise InvalidInput(f"The region of interest is outside the frame of {width} x {height} pixels.")
        mask = np.zeros((box.height, box.width), np.uint8)
        shifted = np.round(corners - (box.left + 0.5, box.top + 0.5)).astype(np.int32)
        cv2.fillPoly(mask, [shifted], 1)
        if not mask.any():
            raise InvalidInput("The region of interest contains no pixel.")
        is_inside = mask.astype(bool)
        self.box = box
        self.mask_HW = None if is_inside.all() else is_inside

    def crop_part(self, part: Box) -> Box:
        """The box of a part with a margin, inside the box of the region; frame coordinates."""
        margin = round(PART_MARGIN * max(part.width, part.height))
        return Box(
            max(part.left - margin, self.box.left),
            max(part.top - margin, self.box.top),
            min(part.right + margin, self.box.right),
            min(part.bottom + margin, self.box.bottom),
        )

    def mask_of(self, box: Box) -> Mask | None:
        """The mask of the region within a box of the frame; None when the region fills it."""
        if self.mask_HW is None:
            return None
        top, left = box.top - self.box.top, box.left - self.box.left
        mask: Mask = self.mask_HW[top : top + box.height, left : left + box.width]
        return None if mask.all() else mask
