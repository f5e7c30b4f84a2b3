"""Rendered parts: a metal disc with a slot on a textured ground, and defects on it."""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.features.backbone import STRIDE
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.numerics import Float32


def render_part(seed: int, side: int = 96) -> RGB:
    """A good part. Parts differ in noise, brightness and, by a pixel or two, in position."""
    random = np.random.default_rng(seed)
    image = np.full((side, side, 3), (70, 80, 90), np.float32)
    centre = tuple(int(value) for value in side // 2 + random.integers(-2, 3, 2))
    cv2.circle(image, centre, side // 3, (170, 165, 160), -1, cv2.LINE_AA)
    cv2.rectangle(image, (centre[0] - side // 16, centre[1] - side // 4), (centre[0] + side // 16, centre[1]), (90, 85, 80), -1)
    image = cv2.GaussianBlur(image, (0, 0), 1.0) * random.uniform(0.95, 1.05) + random.normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def add_scratch(image: RGB, row: int, column: int, length: int = 24) -> RGB:
    """A bright scratch from (column, row) to the lower right."""
    scratched = image.copy()
    cv2.line(scratched, (column, row), (column + length, row + length // 2), (250, 250, 250), 2, cv2.LINE_AA)
    return scratched


def render_good_images(count: int, first_seed: int = 0, side: int = 96) -> list[GoodImage]:
    """Good parts, each a group of its own."""
    return [GoodImage(render_part(first_seed + index, side), f"part {index}") for index in range(count)]


class CellBackbone:
    """A `Backbone` without weights: mean and deviation of the colours of each cell of 8 x 8 pixels.

    It is exact and local: a pixel changes the vector of its own patch only.
    """

    name, digest = "cells", "cells-1"

    def extract(self, pixels_NHWC: RGB) -> Float32:
        count, height, width, _ = pixels_NHWC.shape
        cells = pixels_NHWC.reshape(count, height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3).astype(np.float32)
        return np.concatenate([cells.mean((2, 4)), cells.std((2, 4))], -1)
