"""Synthetic ultrasound clips: a window that moves over an image whose lesions are outlined.

Labelled clips are hard to get; a sweep has a mask for every frame. It pans and zooms, changes the
gain, adds speckle, and loses contact with the skin for a few frames. It shows no new tissue and no
deformation, so that it measures association and not what a network would do on a real clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """Extent of the changes."""

    num_frames: int = 60
    window: float = 0.7  # side of the window, share of the image
    zoom: float = 1.25  # largest
    gain: float = 0.25  # relative change of the brightness
    speckle: float = 0.08  # standard deviation of multiplicative noise
    num_lost: int = 4  # successive frames without contact


@dataclass(frozen=True, slots=True, eq=False)
class SweepFrame:
    """A frame of a sweep."""

    grey_HW: npt.NDArray[np.uint8]
    mask_HW: npt.NDArray[np.bool_]
    """Empty without contact, and where the lesion is outside the window."""
    has_contact: bool


def render_sweep(
    grey_HW: npt.NDArray[np.uint8], mask_HW: npt.NDArray[np.bool_], seed: int, settings: SweepSettings | None = None
) -> Iterator[SweepFrame]:
    """The frames of a sweep over a grey image, all of the size of the first.

    The same seed gives the same frames. Raises `InvalidInput` for a mask of another size.
    """
    if mask_HW.shape != grey_HW.shape:
        raise InvalidInput(f"The mask has {mask_HW.shape} pixels, the image {grey_HW.shape}.")
    settings = settings or SweepSettings()
    random = np.random.default_rng(seed)
    phases, rates = random.uniform(0, 2 * np.pi, 4), random.uniform(0.6, 1.4, 4)
    lost_from = int(random.integers(settings.num_frames // 3, max(settings.num_frames // 3 + 1, 2 * settings.num_frames // 3)))
    height, width = grey_HW.shape
    size = max(1, round(width * settings.window)), max(1, round(height * settings.window))
    for number in range(settings.num_frames):
        waves = np.sin(phases + rates * 2 * np.pi * number / settings.num_frames)
        zoom = 1 + (settings.zoom - 1) * (1 + waves[2]) / 2
        spare_x, spare_y = width - size[0] / zoom, height - size[1] / zoom
        left, top = spare_x * (1 + waves[0]) / 2, spare_y * (1 + waves[1]) / 2
        matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        has_contact = not lost_from <= number < lost_from + settings.num_lost
        frame = cv2.warpAffine(grey_HW, matrix, size).astype(np.float64) * (1 + settings.gain * waves[3])
        mask = cv2.warpAffine(mask_HW.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST).astype(bool)
        if not has_contact:
            frame, mask = frame * 0.08, np.zeros_like(mask)
        frame = frame * (1 + settings.speckle * random.standard_normal(frame.shape))
        yield SweepFrame(np.rint(frame).clip(0, 255).astype(np.uint8), mask, has_contact)
