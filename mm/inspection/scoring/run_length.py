"""Masks as the compressed run lengths of COCO files.

Runs alternate between false and true, beginning with false, over the columns of the mask from left
to right. A run is written as its difference from the run two before, from the third one on, in
groups of 5 bits with a sign and a continuation bit, each as a character from 48 on (maskApi.c of
cocodataset/cocoapi, `rleToString`). Names of arrays end in their axes: H height, W width, R runs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.inspection.types import Mask

Runs = npt.NDArray[np.int64]

_FIRST, _MORE, _SIGN = 48, 0x20, 0x10


def encode_mask(mask_HW: Mask) -> str:
    """The compressed run lengths of a mask."""
    return encode_window(mask_HW, 0, 0, (mask_HW.shape[0], mask_HW.shape[1]))


def encode_window(window_HW: Mask, left: int, top: int, size: tuple[int, int]) -> str:
    """As `encode_mask` for a mask of `size` (height, width) that is false outside a window.

    The window begins at (left, top). Only its pixels are read.
    """
    height, width = size
    window_WH = np.zeros((window_HW.shape[1], window_HW.shape[0] + 2), np.int8)
    window_WH[:, 1:-1] = np.asarray(window_HW, np.bool_).T
    changes_WH = np.diff(window_WH, axis=1)
    column, first = np.nonzero(changes_WH == 1)
    _, after = np.nonzero(changes_WH == -1)
    if not len(column):
        return _encode_runs(np.array([height * width]))
    starts, ends = ((left + column) * height + top + row for row in (first, after))
    # A run that ends with its column continues in the next one where that begins with it.
    is_apart = starts[1:] != ends[:-1]
    starts, ends = starts[np.append(True, is_apart)], ends[np.append(is_apart, True)]
    edges = np.stack([starts, ends], 1).ravel()
    # The last run is left out where the mask ends with true.
    edges = edges if edges[-1] == height * width else np.append(edges, height * width)
    return _encode_runs(np.diff(edges, prepend=0))


def decode_mask(text: str, height: int, width: int) -> Mask:
    """The mask (height, width). Raises `InvalidInput` for run lengths of another size."""
    runs_R = _decode_runs(text)
    if runs_R.sum() != height * width or (runs_R < 0).any():
        raise InvalidInput(f"The run lengths do not fill a mask of {width} x {height} pixels.")
    flat = np.repeat(np.arange(len(runs_R)) % 2 == 1, runs_R)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _encode_runs(runs_R: Runs) -> str:
    characters: list[int] = []
    for index, run in enumerate(runs_R.tolist()):
        value = run - int(runs_R[index - 2]) if index > 2 else run
        while True:
            bits = value & 0x1F
            value >>= 5
            is_last = value == (-1 if bits & _SIGN else 0)
            characters.append(_FIRST + (bits if is_last else bits | _MORE))
            if is_last:
                break
    return bytes(characters).decode("ascii")


def _decode_runs(text: str) -> Runs:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 2 * _MORE or shift > 50:
            raise InvalidInput("The text is not the run lengths of a mask.")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & _MORE:
            if bits & _SIGN:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    if shift:
        raise InvalidInput("The run lengths of a mask end within a number.")
    return np.array(runs, np.int64)
