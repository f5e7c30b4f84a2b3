"""Photographs that are on every machine: what towers are compared on where there is no data set."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from mm.errors import Unavailable
from mm.media.types import RGB
from mm.models.image.preprocess import resize_image

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg", "ihc.png", "color.png")
"""Files of scikit-image, found without importing it."""


def load_sample_photos() -> list[RGB]:
    """Eight pictures as they are. Raises `Unavailable` when scikit-image is not installed."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise Unavailable("The package scikit-image, whose photographs towers are compared on, is not installed.")
    whole: list[RGB] = []
    for name in NAMES:
        with Image.open(Path(spec.origin).parent / "data" / name) as image:
            whole.append(np.asarray(image.convert("RGB")))
    return whole


def load_sample_batch(size: int) -> RGB:
    """Sixteen pictures (16, size, size, 3): eight whole, then the middle of each. Raises
    `Unavailable` as `load_sample_photos`."""
    whole = load_sample_photos()
    return np.stack([resize_image(picture, size) for picture in (*whole, *map(_middle, whole))])


def _middle(picture: RGB) -> RGB:
    """The middle half of each side."""
    height, width = picture.shape[:2]
    return picture[height // 4 : height - height // 4, width // 4 : width - width // 4]
