"""Local shifts between rendered boards."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.registration.local import find_shifts
from tests.inspection.template.boards import DEFECTS, SIDE, render_board


def grey(image: np.ndarray) -> np.ndarray:
    return image[..., 0].astype(np.float32)


def test_find_shifts_of_a_stretched_board_are_found_where_there_are_edges() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    x, y = 3 * np.sin(rows / 120), 2.5 * np.cos(columns / 110)
    reference = render_board()
    image = cv2.remap(reference, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shifts = find_shifts(grey(np.asarray(image)), grey(reference))
    near_traces = (slice(45, 195), slice(40, 150))
    assert np.abs(shifts[..., 1] - y)[near_traces].mean() < 0.5  # the traces are horizontal
    moved = cv2.remap(
        reference, columns + shifts[..., 0], rows + shifts[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    before, after = (np.abs(grey(np.asarray(each)) - grey(np.asarray(image))).mean() for each in (reference, moved))
    assert after < before / 3


@pytest.mark.parametrize("kind", DEFECTS)
def test_find_shifts_of_a_defect_are_small(kind: str) -> None:
    assert np.abs(find_shifts(grey(render_board(1, DEFECTS[kind])), grey(render_board()))).max() < 1.0


def test_find_shifts_without_texture_are_zero() -> None:
    flat = np.full((80, 60), 128, np.float32)
    assert find_shifts(flat, flat).shape == (80, 60, 2)
    assert not find_shifts(flat, flat + 20).any()


def test_find_shifts_of_another_size_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="one size"):
        find_shifts(np.zeros((80, 60), np.float32), np.zeros((80, 61), np.float32))
