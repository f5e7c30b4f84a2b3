"""Calibration boards: rendered through a known camera, the scale is that of the board."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.metrology.board import Board, calibrate
from tests.metrology.boards import render_board, to_board

CHECKERBOARD = Board(11, 8, 3.0)
CHARUCO = Board(11, 8, 3.0, 2.2)
POINTS = np.array([(200.0, 150.0), (420.0, 300.0), (330.0, 200.0)])


@pytest.mark.parametrize("board", [CHECKERBOARD, CHARUCO], ids=["checkerboard", "charuco"])
@pytest.mark.parametrize(("tilt", "distortion"), [((0.0, 0.0), 0.0), ((0.05, -0.03), -0.15)])
def test_calibrate_measures_distances_on_the_board(board: Board, tilt: tuple[float, float], distortion: float) -> None:
    image, rotation, translation = render_board(board, tilt=tilt, distortion=distortion)
    scale = calibrate([image], board)
    expected = np.linalg.norm(np.diff(to_board(POINTS, rotation, translation, distortion), axis=0), axis=1)
    assert np.linalg.norm(np.diff(scale.to_mm(POINTS), axis=0), axis=1) == pytest.approx(expected, rel=1e-3)
    assert scale.mm_per_px == pytest.approx(0.1, rel=0.01)
    assert scale.relative_uncertainty == pytest.approx(board.relative_uncertainty, rel=0.2)
    assert scale.source == ("checkerboard" if board is CHECKERBOARD else "charuco")


def test_calibrate_of_a_checkerboard_measures_the_blur_of_its_edges() -> None:
    """The board is drawn with a blur of 0.15 mm, 1.5 px at this distance."""
    image, *_ = render_board(CHECKERBOARD)
    assert calibrate([image], CHECKERBOARD).blur_px == pytest.approx(1.5, abs=0.1)


def test_calibrate_with_views_at_several_angles_fits_the_lens() -> None:
    tilts = [(0.0, 0.0), (0.25, 0.0), (0.0, 0.25), (-0.2, 0.2)]
    views = [render_board(CHARUCO, tilt=tilt, distortion=-0.15) for tilt in tilts]
    scale = calibrate([image for image, *_ in views], CHARUCO)
    assert scale.lens is not None
    assert scale.lens.matrix[0] == pytest.approx(900, rel=0.05)
    expected = np.linalg.norm(np.diff(to_board(POINTS, *views[0][1:], -0.15), axis=0), axis=1)
    assert np.linalg.norm(np.diff(scale.to_mm(POINTS), axis=0), axis=1) == pytest.approx(expected, rel=1e-3)


def test_calibrate_holds_inside_the_corners_of_the_board() -> None:
    image, *_ = render_board(CHECKERBOARD)
    scale = calibrate([image], CHECKERBOARD)
    scale.check_inside(POINTS)
    assert scale.area is not None
    left, right = min(x for x, _ in scale.area), max(x for x, _ in scale.area)
    assert right - left == pytest.approx(270, abs=3)


def test_calibrate_without_a_board_raises_invalid_input() -> None:
    blank = np.full((240, 320), 128, np.uint8)
    for board in (CHECKERBOARD, CHARUCO):
        with pytest.raises(InvalidInput, match="was not found: 0 of at least 12"):
            calibrate([blank], board)


def test_calibrate_of_images_of_different_sizes_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="one size"):
        calibrate([np.zeros((10, 10), np.uint8), np.zeros((10, 12), np.uint8)], CHECKERBOARD)
    with pytest.raises(InvalidInput, match="at least one"):
        calibrate([], CHECKERBOARD)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"columns": 3}, "too small"),
        ({"square_mm": 0.0}, "not a positive"),
        ({"marker_mm": 3.5}, "does not fit"),
        ({"dictionary": "detectMarkers"}, "no marker dictionary"),
    ],
)
def test_board_of_invalid_dimensions_raises_invalid_input(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Board(**{"columns": 8, "rows": 6, "square_mm": 3.0, **fields})  # type: ignore[arg-type]
