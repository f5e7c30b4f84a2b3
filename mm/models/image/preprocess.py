"""Resize images to the input of the image tower, in evaluation as in serving."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mm.media.types import RGB


def resize_image(image: RGB, size: int) -> RGB:
    """The image stretched to (size, size, 3).

    It is neither cropped nor padded, so that objects at the edges of a wide image remain.
    """
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0))


def resize_batch(images: Sequence[RGB], size: int) -> RGB:
    """`resize_image` for several images: (N, size, size, 3)."""
    return np.stack([resize_image(image, size) for image in images])
