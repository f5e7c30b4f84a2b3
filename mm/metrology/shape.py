"""Geometry of regions: Feret diameters, rectangle of least area, widths along the medial axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.metrology.scale import Points

Mask = npt.NDArray[np.bool_]

AXIS_SHARE = 0.5
"""Points of the medial axis that are less than this share of the deepest point from the border
belong to corners and ends, not to the body of the region."""

RIDGE_SLOPE = 0.7
"""The distance to the border rises by 1 a cell, except on the medial axis, where it turns."""


@dataclass(frozen=True, slots=True)
class Diameters:
    """Feret diameters, and sides of the rectangle of least area, in the unit of the points."""

    feret_max: float
    feret_min: float
    long_side: float
    short_side: float
    long_direction: tuple[float, float]  # unit vector of the long side


def measure_diameters(points_P2: Points) -> Diameters:
    """Diameters of the convex hull of points (P, 2); P is at least 1.

    The smallest width of a hull, and its rectangle of least area, have a side on an edge of the
    hull (Freeman and Shapira 1975); the largest diameter joins two of its corners.
    """
    corners = convex_hull(points_P2)
    if len(corners) < 3:
        length = math.dist(corners[0], corners[-1])
        return Diameters(length, 0.0, length, 0.0, (1.0, 0.0))
    edges = np.roll(corners, -1, 0) - corners
    along_E2 = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across_E2 = np.stack([-along_E2[:, 1], along_E2[:, 0]], 1)
    lengths_E = np.ptp(along_E2 @ corners.T, axis=1)
    widths_E = np.ptp(across_E2 @ corners.T, axis=1)
    best = int((lengths_E * widths_E).argmin())
    length, width = float(lengths_E[best]), float(widths_E[best])
    direction = along_E2[best] if length >= width else across_E2[best]
    farthest = max(float(np.linalg.norm(corners - corner, axis=1).max()) for corner in corners)
    return Diameters(
        farthest, float(widths_E.min()), max(length, width), min(length, width), (float(direction[0]), float(direction[1]))
    )


def convex_hull(points_P2: Points) -> Points:
    """Corners (C, 2) of the convex hull, in order and without points on its edges (Andrew 1979)."""
    points = np.unique(points_P2, axis=0)
    if len(points) < 3:
        return points
    chains = []
    for ordered in (points, points[::-1]):
        chain: list[npt.NDArray[np.float64]] = []
        for point in ordered:
            while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains += chain[:-1]
    return np.array(chains)


def medial_widths(inside_hw: Mask, step: float) -> npt.NDArray[np.float64]:
    """Widths (A,) at the points of the medial axis of the body of a region; not empty.

    `step` is the distance of the grid; widths are in its unit. A width is twice the distance to the
    border, and the axis is where that distance has a ridge (Blum 1967).
    """
    depth_hw = cv2.distanceTransform(np.pad(inside_hw, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The axis may run between two cells: each takes the larger distance of its neighbourhood.
    highest_hw = cv2.dilate(depth_hw, np.ones((3, 3), np.uint8))
    depths = highest_hw[(depth_hw > AXIS_SHARE * depth_hw.max()) & _ridge(depth_hw)].astype(np.float64)
    # The distance is that to the centre of the nearest cell outside, half a cell beyond the border;
    # an axis between two cells, as probable as one on a cell, is half a cell farther from it.
    widths: npt.NDArray[np.float64] = (2 * depths - 0.5) * step
    return widths


def deepest_point(inside_hw: Mask) -> tuple[int, int]:
    """Row and column of the cell that is farthest from the border."""
    depth_hw = cv2.distanceTransform(np.pad(inside_hw, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth_hw.argmax()), depth_hw.shape)
    return int(row), int(column)


def _ridge(depth_hw: npt.NDArray[np.float32]) -> Mask:
    """Cells at which the slope of the distance is clearly below 1, and the deepest one."""
    slope_y, slope_x = np.gradient(depth_hw)
    ridge: Mask = (np.hypot(slope_y, slope_x) < RIDGE_SLOPE) | (depth_hw == depth_hw.max())
    return ridge


def _turn(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], c: npt.NDArray[np.float64]) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
