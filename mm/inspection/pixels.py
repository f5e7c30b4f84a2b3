"""Converts arrays of cameras and other programs to the images that inspectors take."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.media.types import RGB

FULL_SCALE_16 = 65535
"""White in 16 bits, as for files."""


def convert_to_rgb(pixels: npt.NDArray[np.generic]) -> tuple[RGB, tuple[str, ...]]:
    """An image, uint8 RGB (H, W, 3), and notes on what was converted.

    Takes (H, W), (H, W, 1), (H, W, 3) and (H, W, 4) of 8 or 16 bits; an opacity is applied over
    white. 16 bits keep their scale: 65535 is white. Raises `InvalidInput` for other arrays.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or pixels.dtype not in (np.uint8, np.uint16) or not pixels.size:
        raise InvalidInput(f"An image has 1, 3 or 4 channels of 8 or 16 bits, not {pixels.dtype} {pixels.shape}.")
    notes = []
    eight_bits = np.asarray(pixels, np.uint8) if pixels.dtype == np.uint8 else _reduce(np.asarray(pixels, np.uint16))
    if pixels.dtype == np.uint16:
        notes.append(f"The image has 16 bits, of which it uses up to {int(np.asarray(pixels, np.uint16).max())}; converted to 8.")
    if eight_bits.shape[2] == 1:
        notes.append("The image is grey: its values were taken for all three colours.")
        eight_bits = np.repeat(eight_bits, 3, axis=2)
    if eight_bits.shape[2] == 4:
        notes.append("The image has an opacity: it was drawn over white.")
        opacity_HW1 = eight_bits[..., 3:].astype(np.float32) / np.float32(255)
        eight_bits = np.rint(eight_bits[..., :3] * opacity_HW1 + 255 * (1 - opacity_HW1)).astype(np.uint8)
    return np.ascontiguousarray(eight_bits), tuple(notes)


def _reduce(pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.rint(pixels * np.float32(255 / FULL_SCALE_16)), np.uint8)
