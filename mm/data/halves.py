"""Two fixed halves of a split: constants are chosen on one, and reported on the other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage

NUM_HALVES = 2


def select_half(rows: Sequence[CaptionedImage], half: int | None) -> list[CaptionedImage]:
    """The images whose file name has a SHA-256 with an even (0) or odd (1) first byte.

    All of them for None.
    """
    return [row for row in rows if half is None or hashlib.sha256(row.path.name.encode()).digest()[0] % NUM_HALVES == half]
