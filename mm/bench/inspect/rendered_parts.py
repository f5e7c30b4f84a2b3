"""Rendered parts: brushed metal with a bore; a defective part has a scratch."""

from __future__ import annotations

import cv2
import numpy as np

from mm.media.types import RGB

CONTRAST = 45
"""Grey values by which a scratch differs from the metal."""


def render_part(side: int, seed: int, has_scratch: bool = False) -> RGB:
    """A square image of a part, uint8 (side, side, 3). The seed moves the part and its texture."""
    random = np.random.default_rng(seed)
    grain_HW = random.normal(0, 1, (side, side)).astype(np.float32)
    brushed_HW = cv2.blur(grain_HW, (max(side // 16, 3), 1))
    brushed_HW *= 10 / brushed_HW.std()
    rows_H, columns_W = np.mgrid[:side, :side].astype(np.float32) / side
    grey_HW = 150 + 25 * (columns_W - rows_H) + brushed_HW
    centre = (np.array([0.5, 0.5]) + random.uniform(-0.01, 0.01, 2)) * side
    cv2.circle(grey_HW, (round(centre[0]), round(centre[1])), side // 6, 40.0, -1, cv2.LINE_AA)
    if has_scratch:
        _draw_scratch(grey_HW, random)
    grey_HW = cv2.GaussianBlur(grey_HW, (3, 3), 0.8) + random.normal(0, 2, (side, side))
    return np.repeat(np.clip(np.rint(grey_HW), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _draw_scratch(grey_HW: np.ndarray[tuple[int, ...], np.dtype[np.float32]], random: np.random.Generator) -> None:
    """A line outside the bore, a fortieth to a twentieth of the side long, in place."""
    side = len(grey_HW)
    angle, distance = random.uniform(0, 2 * np.pi), random.uniform(0.25, 0.4) * side
    start = side / 2 + distance * np.array([np.cos(angle), np.sin(angle)])
    along = random.uniform(0, 2 * np.pi)
    end = start + random.uniform(0.025, 0.05) * side * np.array([np.cos(along), np.sin(along)])
    line_HW = np.zeros_like(grey_HW)
    cv2.line(line_HW, tuple(start.round().astype(int).tolist()), tuple(end.round().astype(int).tolist()), 1.0, 2, cv2.LINE_AA)
    grey_HW += CONTRAST * line_HW
