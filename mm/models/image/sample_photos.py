"""Photos of scikit-image, on which runtimes and towers are compared without a data set."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mm.media.types import RGB
from mm.models.image.preprocess import resize_image
from mm.models.wheels import find_package_folder

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg", "ihc.png", "color.png")
"""Files of the package."""


def load_sample_photos() -> list[RGB]:
    """Eight photos in their original sizes. Raises `Unavailable` without scikit-image."""
    folder = find_package_folder("skimage", "scikit-image", "the sample photos")
    photos: list[RGB] = []
    for name in NAMES:
        with Image.open(folder / "data" / name) as image:
            photos.append(np.asarray(image.convert("RGB")))
    return photos


def load_sample_batch(size: int) -> RGB:
    """Sixteen images (16, size, size, 3): the eight photos, then the centre of each.

    Raises `Unavailable` without scikit-image.
    """
    photos = load_sample_photos()
    return np.stack([resize_image(photo, size) for photo in (*photos, *map(_crop_centre, photos))])


def _crop_centre(image: RGB) -> RGB:
    """The central half of width and height."""
    height, width = image.shape[:2]
    return image[height // 4 : height - height // 4, width // 4 : width - width // 4]
