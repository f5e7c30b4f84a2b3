"""Pictures to the tower's input, the same in training's evaluation and in serving."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mm.media.types import RGB


def resize_image(image: RGB, size: int) -> RGB:
    """The whole picture, squeezed to (size, size, 3).

    Nothing is cut off and nothing is added: what stands at the edge of a wide picture is found too.
    """
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0))


def resize_batch(images: Sequence[RGB], size: int) -> RGB:
    """`resize_image` for several: (N, size, size, 3)."""
    return np.stack([resize_image(image, size) for image in images])
