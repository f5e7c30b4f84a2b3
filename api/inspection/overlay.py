"""A heat map in colours with opacity, to be laid over its image."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from mm.numerics import Float32

OPACITY = 0.65
"""Opacity of the hottest pixels."""
LEAST_RANGE = 1.5
"""Least ratio of the hottest colour to the heat at which colour begins, so that small differences
above the threshold do not get the colour of large ones."""


def draw_heat(heat_HW: Float32, begin: float) -> bytes:
    """The PNG file (H, W) with 8 bits of red, green, blue and opacity.

    Up to the heat `begin`, that of the threshold, a pixel is transparent.
    """
    full = max(float(heat_HW.max()), LEAST_RANGE * begin, begin + 1e-9)
    share_HW = np.clip((heat_HW - begin) / (full - begin), 0, 1)
    colour_HWC = cv2.applyColorMap(np.rint(255 * share_HW).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity_HW = np.rint(255 * OPACITY * np.minimum(2 * share_HW, 1)).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(np.dstack([colour_HWC, opacity_HW])).save(file, "PNG")
    return file.getvalue()
