"""Draws scratches, stains and displaced pieces on images of good parts.

A displaced piece is CutPaste (Li et al. 2021, "CutPaste: Self-Supervised Learning for Anomaly
Detection and Localization", arXiv:2104.04015). Sizes are shares of the longer side, so that the
same defect is compared at every resolution.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mm.media.types import RGB
from mm.numerics import Float32

Random = np.random.Generator

SCRATCH_LENGTH, SCRATCH_WIDTH = (0.05, 0.25), (0.004, 0.012)
STAIN_RADIUS = (0.02, 0.07)
PIECE_SIDE = (0.05, 0.15)
PLACES, VISIBLE = 10, 15.0
"""Places that are tried for a piece, and the mean change of its grey values that ends the search.
"""
CONTRAST = (25.0, 90.0)
"""Range of the change of grey values."""


def draw_scratch(image_HWC: RGB, random: Random) -> RGB:
    """A thin line of one brightness, with smooth edges."""
    side = max(image_HWC.shape[:2])
    height, width = image_HWC.shape[:2]
    angle, length = random.uniform(0, np.pi), random.uniform(*SCRATCH_LENGTH) * side
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    centre = random.uniform(0.1, 0.9, 2) * (width, height)
    ends = np.stack([centre - step, centre + step])
    mask_HW = np.zeros((height, width), np.uint8)
    points = np.rint(ends * 16).astype(int)  # sixteenths of a pixel
    thickness = max(1, round(random.uniform(*SCRATCH_WIDTH) * side))
    cv2.line(mask_HW, tuple(map(int, points[0])), tuple(map(int, points[1])), 255, thickness, cv2.LINE_AA, 4)
    return _change(image_HWC, np.asarray(mask_HW / np.float32(255), np.float32), random)


def draw_stain(image_HWC: RGB, random: Random) -> RGB:
    """An ellipse that is darker or lighter, with a soft edge."""
    height, width = image_HWC.shape[:2]
    radii = random.uniform(*STAIN_RADIUS, 2) * max(height, width)
    centre = random.uniform(0.1, 0.9, 2) * (width, height)
    mask_HW = np.zeros((height, width), np.uint8)
    box = (tuple(map(float, centre)), tuple(map(float, 2 * radii)), float(random.uniform(0, 180)))
    cv2.ellipse(mask_HW, box, 255, -1, cv2.LINE_AA)
    soft_HW = cv2.GaussianBlur(mask_HW / np.float32(255), (0, 0), max(0.8, 0.2 * float(radii.min())))
    return _change(image_HWC, np.asarray(soft_HW, np.float32), random)


def displace_piece(image_HWC: RGB, random: Random) -> RGB:
    """A square of the image, turned by 0 to 270 degrees, at another place.

    Of several places the first is taken where it changes the image visibly, else the best one.
    """
    height, width = image_HWC.shape[:2]
    side = min(max(4, round(random.uniform(*PIECE_SIDE) * max(height, width))), height // 2, width // 2)
    best_change, best_HWC = -1.0, image_HWC
    for _ in range(PLACES):
        top, left, row, column = (int(random.integers(0, limit - side + 1)) for limit in (height, width, height, width))
        piece_HWC = np.rot90(image_HWC[top : top + side, left : left + side], int(random.integers(0, 4)))
        change = float(np.abs(piece_HWC.astype(np.float32) - image_HWC[row : row + side, column : column + side]).mean())
        if change > best_change:
            best_change, best_HWC = change, image_HWC.copy()
            best_HWC[row : row + side, column : column + side] = piece_HWC
        if best_change >= VISIBLE:
            break
    return best_HWC


DEFECTS: tuple[Callable[[RGB, Random], RGB], ...] = (draw_scratch, draw_stain, displace_piece)


def _change(image_HWC: RGB, weight_HW: Float32, random: Random) -> RGB:
    """Add a contrast times the weight, in the box where it is not 0: an image can be large."""
    contrast = random.uniform(*CONTRAST) * random.choice([-1, 1])
    left, top, width, height = cv2.boundingRect((weight_HW > 0).astype(np.uint8))
    box = slice(top, top + height), slice(left, left + width)
    changed_HWC = image_HWC.copy()
    changed = image_HWC[box] + np.float32(contrast) * weight_HW[box][..., None]
    changed_HWC[box] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return changed_HWC
