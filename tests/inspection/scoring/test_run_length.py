"""Run lengths of COCO files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mm.errors import InvalidInput
from mm.inspection.scoring.run_length import decode_mask, encode_mask, encode_window

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(MASKS)
def test_encode_mask_is_reversed_by_decode_mask(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), *mask.shape), mask)


@given(MASKS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_encode_window_equals_encode_mask(window: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    mask = np.pad(window, ((top, bottom), (left, right)))
    assert encode_window(window, left, top, mask.shape) == encode_mask(mask) == encode_mask_reference(mask)


def encode_mask_reference(mask: np.ndarray) -> str:
    """Reference implementation: counts the pixels in turn."""
    runs, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    text = ""
    for index, run in enumerate(runs):
        number = run - runs[index - 2] if index > 2 else run
        while True:
            bits, number = number % 32, number // 32
            more = not (number == -1 and bits >= 16) and not (number == 0 and bits < 16)
            text += chr(48 + bits + 32 * more)
            if not more:
                break
    return text


@given(MASKS)
def test_encode_mask_equals_pycocotools(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    expected = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert encode_mask(mask) == expected


def test_encode_mask_long_runs_are_reversed() -> None:
    mask = np.zeros((1000, 700), bool)
    mask[3:900, 50:640] = True
    mask[100:120, 60:80] = False
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), 1000, 700), mask)


def test_encode_mask_writes_the_text_of_coco() -> None:
    """Runs 6, 1, 40, 4 and 5, of which the last two are written as 4 - 1 and 5 - 40."""
    mask = np.zeros((8, 7), bool)
    mask.T.flat[[6, 47, 48, 49, 50]] = True
    assert encode_mask(mask) == "61X13mN"
    np.testing.assert_array_equal(decode_mask("61X13mN", 8, 7), mask)


@pytest.mark.parametrize("text", ["", "1", "~", "P", "0`", "oooooooooooooo"])
def test_decode_mask_invalid_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        decode_mask(text, 4, 4)
