"""How much a frame differs from the one before it, from both in little.

A frame vector says what is seen, and little of what moves: frame differences tell a cut from a pan,
and a fight from a walk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.media.types import RGB

SIDE = 32
"""Pixels of a side of the little picture."""
NUM_MOTIONS = 3
"""Numbers that tell of a difference."""
SCALE = 32.0
"""Of 255: differences are told as log(1 + d / SCALE)."""

Thumbnail = npt.NDArray[np.float32]
"""(SIDE, SIDE) brightness, 0 to 255."""


def make_thumbnail(image: RGB) -> Thumbnail:
    """A picture (height, width, 3) in grey and in little."""
    return np.asarray(Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)


def measure_motion(before: Thumbnail, after: Thumbnail) -> npt.NDArray[np.float32]:
    """(3,) mean difference, mean of the tenth that differs most, and the change of the whole
    picture's brightness."""
    apart = np.abs(after - before)
    tenth = np.partition(apart, -(apart.size // 10), axis=None)[-(apart.size // 10) :]
    told = np.array([apart.mean(), tenth.mean(), abs(float(after.mean()) - float(before.mean()))], np.float32)
    found: npt.NDArray[np.float32] = np.log1p(told / np.float32(SCALE))
    return found
