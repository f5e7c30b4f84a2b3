"""How much a frame differs from the previous one, from thumbnails of both.

Frame vectors describe content and say little about movement: frame differences distinguish a cut
from a pan, and a fight from a walk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.media.types import RGB

SIDE = 32
"""Width and height of a thumbnail, in pixels."""
NUM_MOTIONS = 3
"""Numbers that describe the difference of two frames."""
SCALE = 32.0
"""A difference d of 0 to 255 is given as log(1 + d / SCALE)."""

Thumbnail = npt.NDArray[np.float32]
"""Brightness (SIDE, SIDE), 0 to 255."""


def make_thumbnail(image: RGB) -> Thumbnail:
    """The image (height, width, 3) in grey, reduced to (SIDE, SIDE)."""
    return np.asarray(Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)


def measure_motion(before: Thumbnail, after: Thumbnail) -> npt.NDArray[np.float32]:
    """Three numbers: the mean difference, the mean of the largest tenth of the differences, and the
    change of mean brightness."""
    difference = np.abs(after - before)
    tenth = difference.size // 10
    largest = np.partition(difference, -tenth, axis=None)[-tenth:]
    changes = np.array([difference.mean(), largest.mean(), abs(float(after.mean()) - float(before.mean()))], np.float32)
    motion: npt.NDArray[np.float32] = np.log1p(changes / np.float32(SCALE))
    return motion
