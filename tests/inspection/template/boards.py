"""Rendered boards: dark traces and pads on a light ground, and the six kinds of defects."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mm.media.types import RGB

SIDE = 256
GROUND, COPPER = 230, 30
ROWS = (40, 70, 100, 130, 160, 190)
"""Upper edges of the horizontal traces, which are 12 pixels high."""

Draw = Callable[[np.ndarray], None]


def render_board(seed: int = 0, draw: Draw = lambda grey: None) -> RGB:
    """A board; `draw` changes its grey values (H, W) before edges and noise are added."""
    grey = np.full((SIDE, SIDE), GROUND, np.uint8)
    for index, row in enumerate(ROWS):
        grey[row : row + 12, 20 : 236 - 14 * index] = COPPER
        cv2.circle(grey, (236 - 14 * index, row + 6), 10, COPPER, -1)
    cv2.rectangle(grey, (40, 210), (140, 245), COPPER, -1)
    draw(grey)
    noise = np.random.default_rng(seed).normal(0, 3, (SIDE, SIDE))
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.8) + noise
    return np.repeat(np.clip(soft, 0, 255).astype(np.uint8)[..., None], 3, 2)


def _fill(rows: slice, columns: slice, value: int) -> Draw:
    def draw(grey: np.ndarray) -> None:
        grey[rows, columns] = value

    return draw


DEFECTS: dict[str, Draw] = {
    "open": _fill(slice(68, 84), slice(90, 98), GROUND),
    "short": _fill(slice(50, 72), slice(120, 126), COPPER),
    "mousebite": _fill(slice(100, 107), slice(60, 68), GROUND),
    "spur": _fill(slice(140, 151), slice(80, 87), COPPER),
    "copper": _fill(slice(214, 224), slice(180, 190), COPPER),
    "pin-hole": _fill(slice(222, 230), slice(80, 88), GROUND),
}
CENTRES = {
    "open": (94, 76),
    "short": (123, 61),
    "mousebite": (64, 103),
    "spur": (83, 146),
    "copper": (185, 219),
    "pin-hole": (84, 226),
}
"""Centre x, y of each defect."""


def move(image: RGB, degrees: float, shift: tuple[float, float]) -> RGB:
    """The image rotated about its centre and shifted, its edges repeated."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), degrees, 1.0)
    matrix[:, 2] += shift
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.uint8)
