"""Scale records: how many millimetres a pixel is, how well that is known, and where it holds.

Coordinates are pixels (x, y); the centre of the top left pixel is (0, 0), as in OpenCV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, OutsideScale

Points = npt.NDArray[np.float64]
Source = Literal["length", "checkerboard", "charuco", "dicom"]

ASSUMED_BLUR_PX = 0.6
ASSUMED_BLUR_UNCERTAINTY_PX = 0.2
"""Blur of a lens in focus with the aperture of the pixel, where nothing was measured: 0.29 px is
the aperture alone, and 0.6 +- 0.35 px covers it to a slightly soft lens."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Maps pixels to millimetres on the calibrated plane, with the distortion of the lens.

    `matrix` is the camera matrix (3, 3) by rows and `distortion` the coefficients (5,) of OpenCV.
    `plane` (3, 3) by rows maps undistorted pixels to millimetres on the plane.
    """

    matrix: tuple[float, ...]
    distortion: tuple[float, ...]
    plane: tuple[float, ...]

    def to_mm(self, points_P2: Points) -> Points:
        """Millimetres (P, 2) on the plane of pixel coordinates (P, 2)."""
        import cv2

        matrix = np.array(self.matrix).reshape(3, 3)
        undistorted = cv2.undistortPoints(points_P2.reshape(-1, 1, 2), matrix, np.array(self.distortion), P=matrix)
        homogeneous = np.c_[undistorted.reshape(-1, 2), np.ones(len(points_P2))] @ np.array(self.plane).reshape(3, 3).T
        mapped: Points = homogeneous[:, :2] / homogeneous[:, 2:]
        return mapped


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimetres per pixel with standard uncertainty, inside `area`.

    `area` is a polygon in pixels, or None for the whole image. `blur_px` is the standard deviation
    of the point spread in the image, the aperture of the pixel included. `tilt_degrees` bounds the
    angle between the measured surface and the calibrated plane. With `lens`, points are mapped
    through it, and `mm_per_px` is the mean scale of its area.

    Raises `InvalidInput` for numbers that are not positive or not finite.
    """

    mm_per_px: float
    standard_uncertainty: float
    area: tuple[tuple[float, float], ...] | None
    source: Source
    blur_px: float = ASSUMED_BLUR_PX
    blur_uncertainty_px: float = ASSUMED_BLUR_UNCERTAINTY_PX
    tilt_degrees: float = 0.0
    lens: Lens | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mm_per_px) and self.mm_per_px > 0):
            raise InvalidInput(f"A scale of {self.mm_per_px} mm per pixel is not a positive number.")
        numbers = (self.standard_uncertainty, self.blur_px, self.blur_uncertainty_px, self.tilt_degrees)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise InvalidInput("The uncertainty, the blur and the tilt of a scale are numbers from 0 upwards.")
        if self.tilt_degrees >= 45:
            raise InvalidInput(f"A tilt of {self.tilt_degrees:g} degrees is too large to measure; the limit is 45 degrees.")
        if self.area is not None and len(self.area) < 3:
            raise InvalidInput("The area of a scale is a polygon of at least three corners.")

    @property
    def relative_uncertainty(self) -> float:
        """Standard uncertainty as a share of the scale."""
        return self.standard_uncertainty / self.mm_per_px

    def check_inside(self, points_P2: Points) -> None:
        """Raise `OutsideScale` unless all points (P, 2) lie in the area, border included."""
        if self.area is None or not len(points_P2):
            return
        outside = ~contains(np.array(self.area), points_P2)
        if outside.any():
            x, y = points_P2[outside][0]
            raise OutsideScale(
                f"The region reaches ({x:.0f}, {y:.0f}), outside the area in which the scale holds. "
                "Measure inside the area, or add a scale for this part of the image."
            )

    def to_mm(self, points_P2: Points) -> Points:
        """Millimetres (P, 2) of pixel coordinates (P, 2)."""
        return points_P2 * self.mm_per_px if self.lens is None else self.lens.to_mm(points_P2)


def contains(polygon_C2: Points, points_P2: Points) -> npt.NDArray[np.bool_]:
    """Whether each point (P,) lies in the polygon, with a tolerance of 1e-6 px at its border."""
    import cv2

    corners = polygon_C2.astype(np.float32).reshape(-1, 1, 2)
    return np.array([cv2.pointPolygonTest(corners, (float(x), float(y)), True) >= -1e-6 for x, y in points_P2], bool)


def scale_of_length(
    length_mm: float,
    start_px: tuple[float, float],
    end_px: tuple[float, float],
    *,
    length_uncertainty_mm: float = 0.0,
    point_uncertainty_px: float = 0.5,
    area: tuple[tuple[float, float], ...] | None = None,
) -> Scale:
    """The scale of a known length between two points of an image.

    `length_uncertainty_mm` and `point_uncertainty_px` are standard uncertainties, of the length and
    of each point along the line. Raises `InvalidInput` for a length that is not positive, points
    closer than 10 px, or an uncertainty that is negative.
    """
    length_px = math.dist(start_px, end_px)
    if not (math.isfinite(length_mm) and length_mm > 0):
        raise InvalidInput(f"A known length of {length_mm} mm is not a positive number.")
    if not (math.isfinite(length_px) and length_px >= 10):
        raise InvalidInput(f"The points of the known length are {length_px:.1f} px apart; choose points at least 10 px apart.")
    if not (length_uncertainty_mm >= 0 and point_uncertainty_px >= 0):
        raise InvalidInput("The uncertainties of a known length are numbers from 0 upwards.")
    mm_per_px = length_mm / length_px
    relative = math.hypot(length_uncertainty_mm / length_mm, math.sqrt(2) * point_uncertainty_px / length_px)
    return Scale(mm_per_px, mm_per_px * relative, area, "length")
