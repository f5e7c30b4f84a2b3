"""What the network sees of an image: its scaled and, if requested, aligned pixels.

It also brings results back to the image. Names of arrays end in their axes: H height and W width in
pixels, h and w in patches, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.features.exposure import correct_exposure
from mm.inspection.features.framing import count_patches, cover_patches, share_patches
from mm.inspection.registration.register import Registration, register
from mm.inspection.scoring.heat_map import build_heat_map
from mm.inspection.settings import FitSettings
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float32


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A scaled image, aligned with the reference of its inspector where there is one."""

    pixels_HWC: RGB
    size: tuple[int, int]
    """Height and width of the image."""
    scaled: tuple[int, int]
    """The same after scaling, before alignment."""
    registration: Registration | None = None
    """From `pixels_HWC` to the scaled image. None without a reference."""

    @property
    def is_aligned(self) -> bool:
        return self.registration is not None and self.registration.is_reliable

    def select_patches(self, mask_HW: Mask | None) -> Mask:
        """The patches (h, w) within a region of interest of the image, and where it is seen.

        Raises `InvalidInput` when the region has another size or type, or covers no patch.
        """
        inside_hw = np.ones(count_patches(*self.pixels_HWC.shape[:2]), np.bool_)
        if self.is_aligned and self.registration is not None:
            overlap_HW = self.registration.find_overlap(self.scaled, _size(self.pixels_HWC))
            inside_hw &= cover_patches(overlap_HW, _size(self.pixels_HWC))
        if mask_HW is not None:
            inside_hw &= cover_patches(self._align_mask(mask_HW), _size(self.pixels_HWC))
            if not inside_hw.any():
                raise InvalidInput("The region of interest covers no patch of the image: it is empty or too small.")
        return inside_hw

    def share_patches(self, mask_HW: Mask) -> Float32:
        """Share of each patch (h, w) that is in a mask of the image. Raises `InvalidInput`."""
        return share_patches(self._align_mask(mask_HW), _size(self.pixels_HWC))

    def build_heat_map(self, distances_hw: Float32) -> Float32:
        """The heat map (H, W) of the image from the distances of the patches."""
        view = _size(self.pixels_HWC)
        if not self.is_aligned or self.registration is None:
            return build_heat_map(distances_hw, view, self.size)
        heat_HW = build_heat_map(distances_hw, view, view)
        moved_HW = cv2.warpAffine(heat_HW, self.registration.matrix_23, self.scaled[::-1], flags=cv2.INTER_LINEAR)
        return np.asarray(cv2.resize(moved_HW, self.size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def _align_mask(self, mask_HW: Mask) -> Mask:
        if mask_HW.shape != self.size or mask_HW.dtype != np.bool_:
            raise InvalidInput(f"The region of interest must be bool {self.size}, not {mask_HW.dtype} {mask_HW.shape}.")
        if not self.is_aligned or self.registration is None:
            return mask_HW
        share_HW = cv2.resize(mask_HW.astype(np.float32), self.scaled[::-1], interpolation=cv2.INTER_AREA)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned_HW = cv2.warpAffine(share_HW, self.registration.matrix_23, _size(self.pixels_HWC)[::-1], flags=flags)
        return np.asarray(aligned_HW >= 0.5, np.bool_)


def create_view(image_HWC: RGB, settings: FitSettings, reference_HWC: RGB | None = None) -> View:
    """Scale an image and align it with a reference, which is at the resolution of the inspector.

    An image that cannot be registered stays as it is: `is_aligned` is then false. Raises
    `InvalidInput` when it is not uint8 RGB, or too narrow.
    """
    require_image(image_HWC)
    scaled_HWC = settings.framing.scale(image_HWC)
    if settings.has_exposure_correction:
        scaled_HWC = correct_exposure(scaled_HWC)
    if reference_HWC is None:
        return View(scaled_HWC, _size(image_HWC), _size(scaled_HWC))
    registration = register(scaled_HWC, reference_HWC)
    pixels_HWC = registration.align(scaled_HWC, _size(reference_HWC)) if registration.is_reliable else scaled_HWC
    return View(pixels_HWC, _size(image_HWC), _size(scaled_HWC), registration)


def _size(image: RGB) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
