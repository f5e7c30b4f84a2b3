"""Images of calibration boards: drawn, seen through a pinhole camera with radial distortion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mm.metrology.board import Board

SIZE = (480, 640)
MATRIX = np.array([[900.0, 0, 319.5], [0, 900.0, 239.5], [0, 0, 1]])
PX_PER_MM = 20  # of the drawing


def render_board(board: Board, *, distortion: float = 0.0, tilt: tuple[float, float] = (0.0, 0.0), distance: float = 90.0):
    """A grey image (480, 640) of the board, `distance` mm away, and the camera pose (r, t)."""
    margin = PX_PER_MM * 4
    width, height = (round(count * board.square_mm * PX_PER_MM) for count in (board.columns, board.rows))
    if board.marker_mm is None:
        y, x = np.mgrid[:height, :width] // round(board.square_mm * PX_PER_MM)
        drawn = np.where((x + y) % 2 == 0, 30, 225).astype(np.uint8)
    else:
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
        charuco = cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_mm, board.marker_mm, dictionary)
        drawn = charuco.generateImage((width, height))
    drawn = np.pad(drawn, margin, constant_values=255)
    rotation = np.array([tilt[0], tilt[1], 0.0])
    centre = np.array([board.columns, board.rows, 0]) * board.square_mm / 2
    translation = np.array([0, 0, distance]) - cv2.Rodrigues(rotation)[0] @ centre
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    pixels = np.stack([x.ravel(), y.ravel()], 1)
    board_mm = to_board(pixels, rotation, translation, distortion)
    source = (board_mm * PX_PER_MM + margin - 0.5).astype(np.float32)
    warped = cv2.remap(
        cv2.GaussianBlur(drawn, (0, 0), 3.0),
        source[:, 0].reshape(SIZE),
        source[:, 1].reshape(SIZE),
        cv2.INTER_LINEAR,
        borderValue=255,
    )
    return warped, rotation, translation


def to_board(pixels_P2: npt.NDArray[np.float64], rotation, translation, distortion: float) -> npt.NDArray[np.float64]:
    """Millimetres (P, 2) on the board that the pixels (P, 2) show."""
    coefficients = np.array([distortion, 0, 0, 0, 0.0])
    normal = cv2.undistortPoints(pixels_P2.reshape(-1, 1, 2), MATRIX, coefficients).reshape(-1, 2)
    axes = cv2.Rodrigues(rotation)[0]
    homography = np.linalg.inv(np.stack([axes[:, 0], axes[:, 1], translation], 1))
    mapped = np.c_[normal, np.ones(len(normal))] @ homography.T
    return mapped[:, :2] / mapped[:, 2:]
