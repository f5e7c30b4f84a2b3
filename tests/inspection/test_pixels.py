"""Conversion of arrays to images."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.pixels import convert_to_rgb


def test_convert_to_rgb_image_is_unchanged_without_notes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    converted, notes = convert_to_rgb(image)
    np.testing.assert_array_equal(converted, image)
    assert notes == ()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_convert_to_rgb_grey_has_three_equal_channels(shape: tuple[int, ...]) -> None:
    grey = np.arange(20, dtype=np.uint8).reshape(shape)
    converted, notes = convert_to_rgb(grey)
    np.testing.assert_array_equal(converted, np.repeat(grey.reshape(4, 5, 1), 3, 2))
    assert "grey" in notes[0]


def test_convert_to_rgb_16_bits_keep_their_scale() -> None:
    pixels = np.array([[0, 257, 65535, 4095]], np.uint16)
    converted, notes = convert_to_rgb(pixels)
    assert converted[0, :, 0].tolist() == [0, 1, 255, 16]
    assert "65535" in notes[0]
    assert len(notes) == 2


def test_convert_to_rgb_opacity_is_applied_over_white() -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)
    converted, notes = convert_to_rgb(pixels)
    assert converted[0].tolist() == [[10, 20, 30], [255, 255, 255], [204, 204, 204]]
    assert "opacity" in notes[0]


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 5, 2), np.uint8), np.zeros((4, 5), np.float32), np.zeros((0, 5), np.uint8), np.zeros(4, np.uint8)]
)
def test_convert_to_rgb_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="channels"):
        convert_to_rgb(pixels)
