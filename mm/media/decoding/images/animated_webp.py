"""Animated WebP: frames by Pillow, times from the container. libav does not decode it."""

from __future__ import annotations

import os
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

import av
import numpy as np

from mm.media.decoding.pyav_frame import FrameConverter, PyavFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mm.media.decoding.images.still_image import StillImage

MIN_MILLISECONDS, DEFAULT_MILLISECONDS = 11, 100
"""Shorter frames are shown for 100 ms, as browsers do it."""


def read_durations(file: BinaryIO, max_frames: int) -> list[float]:
    """Seconds of the first `max_frames` frames, from the `ANMF` chunks (RFC 9649, 2.7.1.1)."""
    size, position, durations = file.seek(0, os.SEEK_END), 12, list[float]()
    while position + 8 <= size and len(durations) < max_frames:
        file.seek(position)
        head = file.read(24)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] == b"ANMF" and len(head) == 24:
            milliseconds = int.from_bytes(head[20:23], "little")
            durations.append((milliseconds if milliseconds >= MIN_MILLISECONDS else DEFAULT_MILLISECONDS) / 1000)
        position += 8 + length + length % 2
    return durations


class WebpDecoder:
    """Frames of an animated WebP in order; each is drawn on those before it.

    `open_image` opens the file again at its first frame.
    """

    def __init__(
        self, open_image: Callable[[], StillImage], file: BinaryIO, name: str, max_frames: int, heartbeat: Callable[[], None]
    ) -> None:
        self._open_image, self._name, self._heartbeat = open_image, name, heartbeat
        self._durations = read_durations(file, max_frames)

    def frames(self, start: float) -> Iterator[PyavFrame]:
        """See `mm.media.decoding.decoder.Decoder`."""
        image = self._open_image()
        converter = FrameConverter(self._name, image.width * image.height, None)
        ends = list(accumulate(self._durations))
        for index, end in enumerate(ends):
            self._heartbeat()
            is_last = index == len(ends) - 1
            if end <= start and not is_last:
                image.skip_frame(index)
                continue
            pixels = np.ascontiguousarray(image.frame_rgb(index))
            yield PyavFrame(end - self._durations[index], av.VideoFrame.from_ndarray(pixels, format="rgb24"), converter)
