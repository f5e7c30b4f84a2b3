"""Bias of extremes of a noisy edge: the farthest of n noisy points lies too far out.

The bias of a diameter is that of its two ends, each the extreme of the edge points that noise can
bring in front, plus the choice of its direction among those that noise can make the extreme one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy

from mm.metrology.edges import independent_points
from mm.metrology.scale import Points

NUM_DIRECTIONS = 90
REACH = 2.0
"""Points within this many standard deviations of the noise of the extreme compete with it."""

PAIRS_APART = 0.25
"""Diameters that compete for each independent point of the edge: opposite directions are one, and
neighbouring ones share most of the points of their ends."""
PAIRS_OF_DISC = 1.5
"""The same for the largest diameter of a disc: any point may be joined with the point opposite and
with the two beside that one, and each pair has two ends."""


def expected_maximum(count: float) -> float:
    """Mean of the largest of `count` standard normal numbers (Blom 1958); 0 for one number."""
    return max(0.0, float(scipy.special.ndtri((count - 0.375) / (count + 0.25)))) if count > 1 else 0.0


class EdgeNoise:
    """Noise of an edge: points (P, 2), perimeter, standard deviation and smoothing, in pixels."""

    def __init__(self, points_P2: Points, perimeter: float, deviation: float, smoothing: float) -> None:
        self._points = points_P2
        self._length_per_point = perimeter / max(1, len(points_P2))
        self._smoothing = smoothing
        self._reach = REACH * deviation
        self._deviation = deviation
        angles = np.linspace(0, math.pi, NUM_DIRECTIONS, endpoint=False)
        projections = points_P2 @ np.stack([np.cos(angles), np.sin(angles)])  # (P, directions)
        self._high, self._low = projections.max(0), projections.min(0)
        self._num_high = (projections >= self._high - self._reach).sum(0)
        self._num_low = (projections <= self._low + self._reach).sum(0)

    def of_largest(self) -> float:
        """Bias of the largest diameter, in pixels; positive."""
        return self._of_diameter(self._widths.argmax(), self._widths >= self._widths.max() - self._reach, 1)

    def of_smallest(self) -> float:
        """Bias of the smallest width of the hull, in pixels; of either sign."""
        return self._of_diameter(self._widths.argmin(), self._widths <= self._widths.min() + self._reach, -1)

    def of_inscribed(self, centre: tuple[float, float]) -> float:
        """Bias of the diameter of the largest circle inside around `centre` (x, y); negative."""
        distances = np.linalg.norm(self._points - centre, axis=1)
        count = self._independent(int((distances <= distances.min() + self._reach).sum()))
        return -2 * self._deviation * expected_maximum(count / 2)  # a long region touches at two points anyway

    @property
    def _widths(self) -> npt.NDArray[np.float64]:
        widths: npt.NDArray[np.float64] = self._high - self._low
        return widths

    def _of_diameter(self, index: np.intp, competing: npt.NDArray[np.bool_], sign: int) -> float:
        ends = sum(expected_maximum(self._independent(int(num[index]))) for num in (self._num_high, self._num_low))
        share = float(competing.mean())
        pairs = PAIRS_APART + self._roundness() * (PAIRS_OF_DISC - PAIRS_APART) if sign > 0 else PAIRS_APART
        directions = self._independent(share * len(self._points) * pairs)
        return self._deviation * (ends + sign * math.sqrt(2) * expected_maximum(directions))

    def _roundness(self) -> float:
        """1 where diameters differ by no more than noise explains, as those of a disc do, else 0.

        In between it falls linearly up to twice that difference.
        """
        noise = math.sqrt(2) * self._deviation
        return float(np.clip(2 - self._widths.std() / max(noise, 1e-9), 0, 1))

    def _independent(self, num_points: float) -> float:
        return independent_points(num_points * self._length_per_point, self._smoothing)
