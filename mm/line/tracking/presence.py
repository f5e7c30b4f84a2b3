"""Finds what differs from the empty region: boxes of parts in one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from mm.line.region import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.line.region import Region
    from mm.media.types import RGB

LONGEST = 320  # pixels of the longer side at which frames are compared
CLOSE_PIXELS = 7  # gaps within a part up to this width, at that scale, do not split it
ADAPT_RATE = 0.02  # of the background per empty frame

Background = npt.NDArray[np.float32]
"""The empty region at comparison scale, (H, W, 3), 0 to 255."""


def background_of(frames: Sequence[RGB], region: Region) -> Background:
    """The median of frames of the empty region."""
    return np.median([_reduce(region.box.crop(frame)) for frame in frames], axis=0).astype(np.float32)


class PresenceDetector:
    """Compares frames with the background of the same region.

    It has no state except the background, which changes only by `adapt`: the same frame gives the
    same boxes.
    """

    def __init__(self, region: Region, background: Background, min_area: float, contrast: float) -> None:
        """`min_area` is a share of the area of the region, `contrast` a difference of 255."""
        self._region, self.background, self._contrast = region, background, contrast
        height, width = background.shape[:2]
        self._scale = (region.box.width / width, region.box.height / height)
        self._mask: npt.NDArray[np.uint8] | None = None
        area = height * width
        if region.mask_HW is not None:
            self._mask = cv2.resize(region.mask_HW.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
            area = int(self._mask.sum())
        self._min_pixels = max(4.0, min_area * area)

    def detect(self, frame: RGB) -> list[tuple[Box, bool]]:
        """Boxes of parts in frame coordinates, from left to right.

        With each: whether it touches the border of the region, so that a part of it may be outside.
        """
        difference = np.abs(_reduce(self._region.box.crop(frame)) - self.background).max(2)
        foreground = (difference > self._contrast).astype(np.uint8)
        if self._mask is not None:
            foreground &= self._mask
        foreground = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        foreground = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, np.ones((CLOSE_PIXELS, CLOSE_PIXELS), np.uint8))
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(foreground, connectivity=8)
        found = []
        for label in range(1, count):
            left, top, width, height, pixels = (int(value) for value in statistics[label])
            if pixels >= self._min_pixels:
                touches = self._touches_border(labels == label, left, top, width, height)
                found.append((self._to_frame(left, top, width, height), touches))
        return sorted(found, key=lambda pair: (pair[0].left, pair[0].top))

    def adapt(self, frame: RGB) -> None:
        """Move the background towards a frame of the empty region: light changes over a day."""
        self.background += ADAPT_RATE * (_reduce(self._region.box.crop(frame)) - self.background)

    def _touches_border(self, component: npt.NDArray[np.bool_], left: int, top: int, width: int, height: int) -> bool:
        rows, columns = self.background.shape[:2]
        if left <= 0 or top <= 0 or left + width >= columns or top + height >= rows:
            return True
        if self._mask is None:
            return False
        grown = cv2.dilate(component.astype(np.uint8), np.ones((3, 3), np.uint8))
        return bool((grown & (1 - self._mask)).any())

    def _to_frame(self, left: int, top: int, width: int, height: int) -> Box:
        x, y = self._scale
        box = self._region.box
        return Box(
            box.left + int(left * x),
            box.top + int(top * y),
            min(box.left + int(np.ceil((left + width) * x)), box.right),
            min(box.top + int(np.ceil((top + height) * y)), box.bottom),
        )


def _reduce(image: RGB) -> Background:
    """Scale an image down for comparison and smooth it."""
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return np.asarray(cv2.GaussianBlur(small, (5, 5), 0), np.float32)
