"""Scaling of images and the grid of patches."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.features import framing
from mm.inspection.features.framing import Framing, count_patches, cover_patches, extract_patches
from tests.inspection.parts import CellBackbone


def random_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("size", "longest", "expected"), [((400, 200), 256, (256, 128)), ((60, 120), 256, (128, 256))])
def test_framing_longest_scales_both_sides_by_one_factor(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert Framing(longest).compute_size(*size) == expected
    assert Framing(longest).scale(random_image(*size)).shape == (*expected, 3)


def test_framing_native_returns_the_same_pixels() -> None:
    image = random_image(40, 55)
    assert Framing(None).scale(image) is image


@pytest.mark.parametrize("framed", [lambda: Framing(20), lambda: Framing(None, 0.0), lambda: Framing(None, float("nan"))])
def test_framing_invalid_scale_is_refused(framed: object) -> None:
    with pytest.raises(InvalidInput):
        framed()  # type: ignore[operator]


def test_framing_scale_narrow_image_is_refused() -> None:
    with pytest.raises(InvalidInput, match="too narrow"):
        Framing(256).scale(random_image(10, 400))


@pytest.mark.parametrize(
    "image", [np.zeros((40, 40), np.uint8), np.zeros((40, 40, 3), np.float32), np.zeros((0, 40, 3), np.uint8)]
)
def test_framing_scale_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        Framing(None).scale(image)


@pytest.mark.parametrize("size", [(16, 16), (64, 96), (50, 75), (129, 17)])
def test_extract_patches_cell_backbone_equals_cells_of_the_image(size: tuple[int, int]) -> None:
    image = random_image(*size, seed=sum(size))
    patches_hwC = extract_patches(CellBackbone(), image)
    assert patches_hwC.shape[:2] == count_patches(*size)
    for row in range(size[0] // 8):
        for column in range(size[1] // 8):
            cell = image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            np.testing.assert_allclose(patches_hwC[row, column, :3], cell.mean((0, 1)), rtol=1e-4)


def test_extract_patches_tiles_equal_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    image = random_image(200, 331)
    whole = extract_patches(CellBackbone(), image)
    monkeypatch.setattr(framing, "TILE", 64)
    np.testing.assert_array_equal(extract_patches(CellBackbone(), image), whole)


def test_cover_patches_selects_patches_that_are_half_inside() -> None:
    mask = np.zeros((64, 80), bool)
    mask[8:24, 20:48] = True
    expected = np.zeros((8, 10), bool)
    expected[1:3, 2:6] = True  # column 2 is half covered
    np.testing.assert_array_equal(cover_patches(mask, (64, 80)), expected)
    np.testing.assert_array_equal(cover_patches(mask.repeat(3, 0).repeat(3, 1), (64, 80)), expected)
