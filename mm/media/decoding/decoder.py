"""Interface of a video decoder, as sampling and shot detection use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.types import RGB

Signature = npt.NDArray[np.int16]
"""A thumbnail for comparison: (3, 32, 32), planes Y, U and V in 0..255. Signed, so that differences
need no cast."""
SIGNATURE_SIDE = 32


class DecodedFrame(Protocol):
    """One frame as it leaves the codec; it is converted only on request."""

    @property
    def time(self) -> float:
        """Seconds on the presentation clock."""
        ...

    @property
    def signature(self) -> Signature: ...

    def rgb(self, longest: int | None) -> RGB:
        """The frame as shown: square pixels, upright, no side over `longest`."""
        ...


class Decoder(Protocol):
    """Frames of one open video."""

    def frames(self, start: float) -> Iterator[DecodedFrame]:
        """Frames in presentation order to the end of the video.

        The first one is shown at `start` or before it, unless the video starts later.
        Raises `MediaError` when there is none.
        """
        ...
