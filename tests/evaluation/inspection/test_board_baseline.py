"""The template difference on rendered boards: copper added and removed, and noise."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.evaluation.inspection.board_baseline import PADDING, subtract_template


def render_board() -> np.ndarray:
    board = np.full((160, 160, 3), 255, np.uint8)
    board[40:60, 10:150] = board[100:120, 10:150] = 0
    return board


def test_subtract_template_boxes_added_and_removed_copper() -> None:
    tested = render_board()
    tested[60:72, 30:40] = 0  # spur
    tested[100:120, 80:90] = 255  # open
    tested[10, 20:150] = 0  # a line of one pixel is noise
    boxes = subtract_template(tested, render_board())
    found = {kind: box.tolist() for kind, box in zip(boxes.kinds, boxes.corners_P4, strict=True)}
    spur, removed = [30, 60, 40, 72], [80, 100, 90, 120]
    signs = np.array([-PADDING, -PADDING, PADDING, PADDING])
    assert found == {"spur": (spur + signs).tolist(), "mousebite": (removed + signs).tolist()}
    assert boxes.scores_P is not None
    assert boxes.scores_P.tolist() == [120, 200]


def test_subtract_template_of_equal_images_finds_nothing() -> None:
    assert subtract_template(render_board(), render_board()).corners_P4.shape == (0, 4)


def test_subtract_template_of_another_size_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="one size"):
        subtract_template(render_board(), render_board()[1:])
