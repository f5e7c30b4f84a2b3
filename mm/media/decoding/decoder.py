"""What the parts that sample and cut need of a video decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.types import RGB

Signature = npt.NDArray[np.int16]
"""A picture in little: (3, 32, 32), planes Y, U and V in 0..255. Signed, so that differences need
no cast."""
SIGNATURE_SIDE = 32


class DecodedFrame(Protocol):
    """One picture as it came out of the codec; nothing is converted before it is asked for."""

    @property
    def time(self) -> float:
        """Seconds on the presentation clock."""
        ...

    @property
    def signature(self) -> Signature: ...

    def rgb(self, longest: int | None) -> RGB:
        """The picture as shown: square pixels, upright, scaled down until no side is over
        `longest`."""
        ...


class Decoder(Protocol):
    """Pictures of one open video."""

    def frames(self, start: float) -> Iterator[DecodedFrame]:
        """Frames in the order of presentation, none left out, to the end of the video.

        The first one is shown at `start` or before it, unless the video starts later.
        Raises `MediaError` when there is none.
        """
        ...
