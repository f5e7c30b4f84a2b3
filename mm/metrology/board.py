"""Scales from images of a calibration board: a checkerboard or a ChArUco board.

The first image shows the board in the plane that will be measured; further ones, at other angles,
determine the lens. With one image the focal length is assumed and only the radial distortion is
fitted: enough for a board that is nearly parallel to the sensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy

from mm.errors import InvalidInput
from mm.metrology.edges import Float64
from mm.metrology.scale import ASSUMED_BLUR_PX, ASSUMED_BLUR_UNCERTAINTY_PX, Lens, Points, Scale, Source

Grey = npt.NDArray[np.uint8]

MIN_CORNERS = 12
MAX_ERROR_PX = 1.0
"""Root mean square of the distances of the corners from the fitted board, above which the
calibration is refused."""
FREE_LENS = 3
"""Number of images from which the focal length and the centre are fitted, too."""
ASSUMED_FOCAL = 1.5
"""Focal length as a multiple of the longer side of the image where it is not fitted."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board of `columns` x `rows` squares with sides of `square_mm`.

    With `marker_mm` it is a ChArUco board with markers of that side from an OpenCV `dictionary`.
    `relative_uncertainty` is the standard uncertainty of its squares as a share of their side.
    """

    columns: int
    rows: int
    square_mm: float
    marker_mm: float | None = None
    dictionary: str = "DICT_4X4_50"
    relative_uncertainty: float = 0.001

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 4:
            raise InvalidInput(f"A board of {self.columns} x {self.rows} squares is too small; it needs at least 4 x 4.")
        if not (math.isfinite(self.square_mm) and self.square_mm > 0):
            raise InvalidInput(f"A square of {self.square_mm} mm is not a positive number.")
        if self.marker_mm is not None and not 0 < self.marker_mm < self.square_mm:
            raise InvalidInput(f"A marker of {self.marker_mm} mm does not fit into a square of {self.square_mm} mm.")
        if not hasattr(cv2.aruco, self.dictionary) or not self.dictionary.startswith("DICT_"):
            raise InvalidInput(f"{self.dictionary!r} is no marker dictionary of OpenCV; an example is DICT_4X4_50.")


@dataclass(frozen=True, slots=True)
class Corners:
    """Corners of squares: in pixels (N, 2), and in millimetres on the board (N, 2)."""

    pixels_N2: npt.NDArray[np.float32]
    board_N2: npt.NDArray[np.float32]


def find_corners(grey_HW: Grey, board: Board) -> Corners:
    """Inner corners of the board in an image (H, W). Raises `InvalidInput` if there are too few."""
    corners = _find_checkerboard(grey_HW, board) if board.marker_mm is None else _find_charuco(grey_HW, board, board.marker_mm)
    if corners is None or len(corners.pixels_N2) < MIN_CORNERS:
        count = 0 if corners is None else len(corners.pixels_N2)
        kind = "checkerboard" if board.marker_mm is None else "ChArUco board"
        raise InvalidInput(
            f"The {kind} of {board.columns} x {board.rows} squares was not found: {count} of at least {MIN_CORNERS} corners. "
            "Show the whole board, in focus and evenly lit, and check the number of its squares."
        )
    return corners


def calibrate(images: Sequence[Grey], board: Board) -> Scale:
    """The scale of the plane of the board in the first of images (H, W), distortion included.

    It holds inside the hull of the corners of the first image. Raises `InvalidInput` for no image,
    images of different sizes, a board that is not found, and a fit with more than 1 px of error.
    """
    if not images or len({image.shape for image in images}) != 1 or images[0].ndim != 2:
        raise InvalidInput("A calibration needs at least one grey image, and all images of one size.")
    views = [find_corners(image, board) for image in images]
    height, width = images[0].shape
    focal = ASSUMED_FOCAL * max(height, width)
    guess = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], np.float64)
    flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3
    if len(images) < FREE_LENS:
        flags |= cv2.CALIB_FIX_FOCAL_LENGTH | cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_FIX_K2
    error, matrix, distortion, _, _ = cv2.calibrateCamera(
        [np.c_[view.board_N2, np.zeros(len(view.board_N2))].astype(np.float32) for view in views],
        [view.pixels_N2.reshape(-1, 1, 2) for view in views],
        (width, height),
        guess,
        np.zeros(5),
        flags=flags,
    )
    if not error <= MAX_ERROR_PX:
        raise InvalidInput(
            f"The corners are {error:.2f} px from the fitted board; the limit is {MAX_ERROR_PX:g} px. "
            "Check that the board is flat and that the number of its squares is right."
        )
    return _plane_scale(views[0], matrix, distortion.reshape(-1)[:5], board, images[0])


def _plane_scale(view: Corners, matrix: Float64, distortion: Float64, board: Board, grey_HW: Grey) -> Scale:
    pixels, millimetres = view.pixels_N2.astype(np.float64), view.board_N2.astype(np.float64)
    undistorted = cv2.undistortPoints(pixels.reshape(-1, 1, 2), matrix, distortion, P=matrix).reshape(-1, 2)
    plane, _ = cv2.findHomography(undistorted, millimetres)
    lens = Lens(tuple(matrix.ravel().tolist()), tuple(distortion.tolist()), tuple(plane.ravel().tolist()))
    residuals = lens.to_mm(pixels) - millimetres
    hull = cv2.convexHull(view.pixels_N2).reshape(-1, 2).astype(np.float64)
    area_px2 = float(cv2.contourArea(hull.astype(np.float32)))
    area_mm2 = float(cv2.contourArea(lens.to_mm(hull).astype(np.float32)))
    mm_per_px = math.sqrt(area_mm2 / area_px2)
    # The error of a distance across the board by the errors of its corners, eight of which a
    # homography takes up, and the uncertainty of the squares.
    extent = math.sqrt(area_mm2)
    statistical = math.sqrt(float((residuals**2).sum()) / max(1, 2 * len(pixels) - 8)) / extent
    relative = math.hypot(statistical, board.relative_uncertainty)
    blur = _edge_blur(grey_HW, pixels, mm_per_px, board)
    corners = tuple((float(x), float(y)) for x, y in hull)
    source: Source = "checkerboard" if board.marker_mm is None else "charuco"
    return Scale(mm_per_px, mm_per_px * relative, corners, source, blur[0], blur[1], 0.0, lens)


def _edge_blur(grey_HW: Grey, pixels_N2: Points, mm_per_px: float, board: Board) -> tuple[float, float]:
    """Blur of the edges between neighbouring corners, and its standard uncertainty, in pixels.

    The deviation of a Gaussian blur from the largest slope of an edge of the contrast c is
    c / (sqrt(2 pi) slope). Where an edge is too short, or none is found, the assumed values.
    """
    side = board.square_mm / mm_per_px
    plain = side / 3 if board.marker_mm is None else 0.9 * (board.square_mm - board.marker_mm) / 2 / mm_per_px
    reach = min(8.0, plain)
    spline = scipy.ndimage.spline_filter(grey_HW.astype(np.float64), mode="mirror")
    if reach < 3:
        return ASSUMED_BLUR_PX, ASSUMED_BLUR_UNCERTAINTY_PX
    offsets = np.arange(-reach, reach + 0.05, 0.1)
    blurs = []
    for corner in pixels_N2:
        steps = pixels_N2 - corner
        distances = np.linalg.norm(steps, axis=1)
        for step in steps[(distances > 0.8 * side) & (distances < 1.2 * side)]:
            normal = np.array([-step[1], step[0]]) / np.linalg.norm(step)
            across = corner + step / 2 + offsets[:, None] * normal
            profile = scipy.ndimage.map_coordinates(spline, across.T[::-1], order=3, mode="mirror", prefilter=False)
            contrast = abs(float(profile[:10].mean() - profile[-10:].mean()))
            slope = float(np.abs(np.gradient(profile, 0.1)).max())
            if contrast > 20 and slope > 0:
                blurs.append(contrast / (math.sqrt(2 * math.pi) * slope))
    if len(blurs) < MIN_CORNERS:
        return ASSUMED_BLUR_PX, ASSUMED_BLUR_UNCERTAINTY_PX
    middle = float(np.median(blurs))
    return middle, max(0.05, 1.4826 * float(np.median(np.abs(np.array(blurs) - middle))))


def _find_checkerboard(grey_HW: Grey, board: Board) -> Corners | None:
    inner = (board.columns - 1, board.rows - 1)
    found, pixels = cv2.findChessboardCornersSB(grey_HW, inner, flags=cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE)
    if not found:
        return None
    grid = np.stack(np.meshgrid(np.arange(inner[0]), np.arange(inner[1])), -1).reshape(-1, 2)
    return Corners(pixels.reshape(-1, 2), (grid * board.square_mm).astype(np.float32))


def _find_charuco(grey_HW: Grey, board: Board, marker_mm: float) -> Corners | None:
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    charuco = cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_mm, marker_mm, dictionary)
    pixels, ids, _, _ = cv2.aruco.CharucoDetector(charuco).detectBoard(grey_HW)
    if pixels is None or ids is None:
        return None
    positions = np.asarray(charuco.getChessboardCorners(), np.float32)[ids.ravel(), :2]
    return Corners(pixels.reshape(-1, 2), positions)
