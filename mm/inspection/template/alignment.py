"""Brings good images to the first one, and the tolerance band to an inspected image.

The inspected image itself is never resampled: its edges are compared as they were taken, and
results are in its coordinates. Names of arrays end in their axes: H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm.inspection.registration.local import find_shifts
from mm.inspection.registration.register import Registration, register
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.numerics import Float32


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where each pixel of one image lies in another."""

    x_HW: Float32
    y_HW: Float32
    """Coordinates in the other image, in pixels."""
    is_inside_HW: Mask
    """Pixels that the other image shows."""

    def sample(self, other_HWC: RGB) -> RGB:
        """The other image as this one would show it; its edge is repeated outside."""
        sampled = cv2.remap(other_HWC, self.x_HW, self.y_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.uint8).reshape(*self.x_HW.shape, other_HWC.shape[2])


def place_in_template(image_HWC: RGB, template_HWC: RGB) -> tuple[Registration, Placement | None]:
    """Where an inspected image lies in the template; None where the registration is poor.

    Raises `InvalidInput` when one of them is not uint8 RGB.
    """
    registration = register(image_HWC, template_HWC)
    if not registration.is_reliable:
        return registration, None
    return registration, _place(image_HWC, template_HWC, cv2.invertAffineTransform(registration.matrix_23.astype(np.float64)))


def place_in_good_image(template_HWC: RGB, image_HWC: RGB) -> Placement | None:
    """Where the template lies in a further good image; None where the registration is poor."""
    registration = register(image_HWC, template_HWC)
    return _place(template_HWC, image_HWC, registration.matrix_23.astype(np.float64)) if registration.is_reliable else None


def place_equal(image_HWC: RGB) -> Placement:
    """Every pixel of an image at its own place, for images that are taken without any motion."""
    columns_HW, rows_HW = _list_places(image_HWC.shape[0], image_HWC.shape[1])
    return Placement(columns_HW, rows_HW, np.ones(image_HWC.shape[:2], np.bool_))


def _place(image_HWC: RGB, other_HWC: RGB, matrix_23: Float32) -> Placement:
    """By a motion from coordinates of the image to those of the other, refined by local shifts."""
    height, width = image_HWC.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved_HWC = cv2.warpAffine(other_HWC, matrix_23, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    image_HW, moved_HW = (
        cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (image_HWC, np.asarray(moved_HWC))
    )
    shifted_HW2 = np.stack(_list_places(height, width), -1) + find_shifts(image_HW, moved_HW)
    place_HW2 = cv2.transform(shifted_HW2, matrix_23.astype(np.float32))
    x_HW, y_HW = np.ascontiguousarray(place_HW2[..., 0]), np.ascontiguousarray(place_HW2[..., 1])
    is_inside_HW = (x_HW >= 0) & (y_HW >= 0) & (x_HW <= other_HWC.shape[1] - 1) & (y_HW <= other_HWC.shape[0] - 1)
    return Placement(x_HW, y_HW, is_inside_HW)


def _list_places(height: int, width: int) -> tuple[Float32, Float32]:
    """Columns x and rows y (H, W) of all pixels."""
    columns_HW, rows_HW = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns_HW, rows_HW
