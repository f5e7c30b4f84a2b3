"""The parts of ultrasound frames that are analysed, and what surrounds them.

A frame of a DICOM file may have several regions with a scale each: two views side by side, a
spectrum below, text around them. Only two-dimensional images of tissue are analysed, each for
itself; everything outside the regions is blanked, which also removes names that are drawn into the
pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput, MediaError
from mm.lesions.segmentation.letterbox import Grey
from mm.media.dicom import DicomInfo, UltrasoundRegion
from mm.media.types import RGB
from mm.numerics import Float64

MIN_SIDE = 32
"""Pixels of a view, at least."""
MIN_COLOUR = 24
"""Difference of the channels above which a pixel is coloured, as in colour Doppler."""
MIN_BRIGHTNESS, MAX_TINT = 16, 0.4
"""Mean of a pixel whose tint is measured; largest difference of a tint from grey, as a share."""
MAX_COLOURED = 0.02
"""Share of coloured pixels above which a view shows more than tissue."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of every frame, with one scale."""

    left: int
    top: int
    width: int
    height: int
    mm_per_px: tuple[float, float] | None
    """Millimetres of a pixel in x and y; None where the file states none."""

    def crop(self, image: RGB) -> RGB:
        """The view of a frame. Raises `InvalidInput` when it does not lie within it."""
        if self.top + self.height > image.shape[0] or self.left + self.width > image.shape[1]:
            raise InvalidInput(f"The region {self} does not lie within the frame of {image.shape[1]}x{image.shape[0]} pixels.")
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def choose_views(info: DicomInfo, name: str) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """The views of a DICOM file and notes in full sentences; `name` is that of the file in errors.

    Without regions the whole frame is one view, without a scale. Raises `MediaError` when the file
    has regions but none that shows tissue, for example only Doppler, and when a region does not lie
    within the frame.
    """
    if not info.regions:
        note = "The file describes no regions: whole frames are analysed, and there is no scale."
        return (View(0, 0, info.width, info.height, None),), (note,)
    tissue = [region for region in info.regions if region.is_tissue]
    if not tissue:
        raise MediaError(
            name, "unsupported", "none of its regions is a two-dimensional image of tissue (Doppler or spectral only)"
        )
    views = tuple(_to_view(region, info, name) for region in dict.fromkeys(tissue))
    notes = []
    if len(tissue) < len(info.regions):
        notes.append(f"{len(info.regions) - len(tissue)} regions that are not images of tissue are left out.")
    if len(views) > 1:
        notes.append(f"{len(views)} regions are analysed, each with its own scale.")
    if info.bits > 8:
        notes.append(f"Pixels of {info.bits} bits were converted to 8 bits.")
    return views, tuple(notes)


def mask_outside(image: RGB, views: Sequence[View]) -> RGB:
    """A copy of a frame that is black outside the views: text that is drawn there is removed."""
    masked = np.zeros_like(image)
    for view in views:
        area = np.s_[view.top : view.top + view.height, view.left : view.left + view.width]
        masked[area] = view.crop(image)
    return masked


def to_grey(image: RGB) -> Grey:
    """The mean of the channels, uint8 (H, W).

    A tint of the whole image, as scanners offer it, is no colour. Raises `InvalidInput` for an
    image with more colour than markers have: colour Doppler covers tissue.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InvalidInput(f"An image must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
    toned_HWC = image / _measure_tint(image)
    spread_HW = toned_HWC.max(2) - toned_HWC.min(2)
    coloured = float((spread_HW > MIN_COLOUR).mean())
    if coloured > MAX_COLOURED:
        raise InvalidInput(f"{coloured:.0%} of the pixels are coloured: frames with colour Doppler are not analysed.")
    return np.asarray(np.rint(image.mean(2)), np.uint8)


def _measure_tint(image: RGB) -> Float64:
    """The usual share of each channel (3,) of the mean of a pixel; 1 where the image has none."""
    pixels_N3 = image[::2, ::2].reshape(-1, 3).astype(np.float64)
    mean_N = pixels_N3.mean(1)
    bright_N = mean_N > MIN_BRIGHTNESS
    if not bright_N.any():
        return np.ones(3)
    tint_3 = np.median(pixels_N3[bright_N] / mean_N[bright_N, None], 0)
    return tint_3 if np.abs(tint_3 - 1).max() <= MAX_TINT else np.ones(3)


def _to_view(region: UltrasoundRegion, info: DicomInfo, name: str) -> View:
    width, height = region.x1 - region.x0 + 1, region.y1 - region.y0 + 1
    if min(region.x0, region.y0) < 0 or region.x1 >= info.width or region.y1 >= info.height or min(width, height) < MIN_SIDE:
        detail = f"a region from {region.x0}, {region.y0} to {region.x1}, {region.y1} does not fit its frames"
        raise MediaError(name, "unsupported", detail)
    return View(region.x0, region.y0, width, height, region.mm_per_px)
