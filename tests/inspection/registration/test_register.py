"""Registration of rendered parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.registration.register import register

SIDE = 240


def render_board(seed: int = 0) -> np.ndarray:
    """A board with rectangles and discs, which no motion but the identity maps to itself."""
    random = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE, 3), 60, np.uint8)
    for _ in range(14):
        x, y, width, height = (int(value) for value in random.integers(20, SIDE - 60, 4) // (1, 1, 6, 6))
        cv2.rectangle(image, (x, y), (x + width, y + height), tuple(map(int, random.integers(90, 255, 3))), -1)
    for _ in range(10):
        centre = tuple(int(value) for value in random.integers(30, SIDE - 30, 2))
        cv2.circle(image, centre, int(random.integers(4, 14)), tuple(map(int, random.integers(90, 255, 3))), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def move(image: np.ndarray, degrees: float, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The image rotated about its centre and shifted, with the matrix that did it."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), degrees, 1.0)
    matrix[:, 2] += shift
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101), matrix


def corner_error(computed: np.ndarray, expected: np.ndarray) -> float:
    """Largest distance, in pixels, between where the two motions put the corners."""
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]], np.float64).T
    return float(np.linalg.norm((computed - expected) @ corners, axis=0).max())


@pytest.mark.parametrize(("degrees", "shift"), [(0.0, (0.0, 0.0)), (1.5, (3.3, -2.1)), (-3.0, (6.0, 4.5)), (25.0, (20.0, -12.0))])
def test_register_moved_image_finds_the_motion(degrees: float, shift: tuple[float, float]) -> None:
    reference = render_board()
    image, expected = move(reference, degrees, shift)
    found = register(image, reference)
    assert found.is_reliable
    assert corner_error(found.matrix_23, expected) < 0.7
    aligned = found.align(image, (SIDE, SIDE)).astype(float)
    inside = cv2.erode(found.find_overlap((SIDE, SIDE), (SIDE, SIDE)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(aligned - reference)[inside].mean() < 3


def test_register_large_images_are_compared_smaller() -> None:
    reference = cv2.resize(render_board(), (960, 960), interpolation=cv2.INTER_CUBIC)
    matrix = np.array([[1, 0, 14.0], [0, 1, -9.0]])
    image = cv2.warpAffine(reference, matrix, (960, 960), borderMode=cv2.BORDER_REFLECT_101)
    found = register(image, reference)
    np.testing.assert_allclose(found.matrix_23, matrix, atol=0.5)


def test_register_brightness_does_not_matter() -> None:
    reference = render_board()
    image, expected = move(reference, 1.0, (2.0, 2.0))
    assert corner_error(register((image * 0.6).astype(np.uint8), reference).matrix_23, expected) < 0.7


@pytest.mark.parametrize(
    "image", [np.full((SIDE, SIDE, 3), 90, np.uint8), np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)]
)
def test_register_unrelated_image_is_not_reliable(image: np.ndarray) -> None:
    assert not register(image, render_board()).is_reliable


def test_register_another_board_is_not_reliable() -> None:
    assert not register(render_board(7), render_board(0)).is_reliable


def test_register_grey_array_is_refused() -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        register(np.zeros((40, 40), np.uint8), render_board())
