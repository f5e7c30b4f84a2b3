"""Places an image of any size in the centre of a square, with its aspect ratio kept."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.numerics import Float32

Grey = npt.NDArray[np.uint8]
"""Grey image, shape (height, width), 8 bits."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image lies within a square of `size` pixels; outside it the square is black."""

    size: int
    height: int  # of the image
    width: int
    top: int  # of the scaled image within the square
    left: int
    scaled_height: int
    scaled_width: int

    @classmethod
    def fit(cls, shape: tuple[int, ...], size: int) -> Letterbox:
        """Scale the longer side of an image (height, width) to `size`."""
        height, width = shape
        scale = size / max(height, width)
        scaled_height, scaled_width = max(1, round(height * scale)), max(1, round(width * scale))
        return cls(size, height, width, (size - scaled_height) // 2, (size - scaled_width) // 2, scaled_height, scaled_width)

    def place(self, image_HW: Grey, *, is_mask: bool = False) -> Grey:
        """The square (size, size). A mask is sampled at its nearest pixel and not interpolated."""
        shrinks = self.scaled_width < self.width
        interpolation = cv2.INTER_NEAREST_EXACT if is_mask else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        square = np.zeros((self.size, self.size), np.uint8)
        scaled = cv2.resize(image_HW, (self.scaled_width, self.scaled_height), interpolation=interpolation)
        square[self._rows, self._columns] = scaled
        return square

    def restore(self, map_HW: Float32) -> Float32:
        """Values (height, width) in the image of a map over the square, of any resolution."""
        square = cv2.resize(map_HW, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        inner = np.ascontiguousarray(square[self._rows, self._columns])
        return np.asarray(cv2.resize(inner, (self.width, self.height), interpolation=cv2.INTER_LINEAR), np.float32)

    @property
    def _rows(self) -> slice:
        return slice(self.top, self.top + self.scaled_height)

    @property
    def _columns(self) -> slice:
        return slice(self.left, self.left + self.scaled_width)
