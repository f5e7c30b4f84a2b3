"""How much memory a file takes to decode, by the arithmetic of its header: asked before anything of
that size is allocated."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import TooLarge

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from mm.media.types import Limits

Reserve = Callable[[int, int], None]
"""Called with the bytes that the pictures of a file take by a generous estimate, and with those
that they take at least."""

THREADS = min((os.cpu_count() or 1) + 1, 8)
"""Of a decoder; asked while the system still answers."""
INITIAL_BYTES = 320 << 20
"""Address space that a child has before it knows the file: enough for a photo of 12 megapixels or a
film of 1920 x 1080."""
BASE_BYTES = (64 << 20) + THREADS * (16 << 20)
"""Address space that decoding takes beside the pictures: buffers of libraries; a stack and an arena
for each thread."""
STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2, "LA": 4}
"""Bytes a pixel in Pillow's memory, by mode; 4 in all others, RGB among them."""
DECODER_BYTES = {"jpeg": 0.0, "png": 0.0, "tiff": 4.0, "webp": 12.0, "gif": 4.0}
"""Bytes a pixel that decoding holds beside the picture: a strip of a TIFF may be all of it, WebP
has canvases of its own."""
COEFFICIENT_BYTES = 6.0  # a pixel of a progressive JPEG, at whatever scale it is decoded: 16 bits for each of three components
MAPPED = frozenset({"tiff", "webp"})  # libtiff maps the file, and Pillow hands libwebp all of it
RGB_BYTES = 4  # a pixel in Pillow
SENT_BYTES = 9  # a pixel of the answer: as bytes, joined, and as an array
FRAMES_HELD = {"h264": 17, "hevc": 17, "vp9": 10, "vp8": 5, "av1": 10, "mpeg4": 4, "mpeg2video": 4, "mpeg1video": 4, "gif": 3}
"""Pictures that a decoder keeps for prediction and reordering, at most; 2 in all others."""
OVERHEAD = 2.0  # of a frame: borders, motion vectors, what the allocator cannot use again
FRAME_SENT_BYTES = 24  # a pixel of the film: the frame that is shown is converted, turned, copied and joined
UNKNOWN_BITS = 32  # a pixel of a film that does not name its pixel format


class NeedsMemory(Exception):
    """The child may use less than the file takes: to be asked again in one that may use `size`
    bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class StillSize:
    """What the header of a picture says of its size."""

    pixels: int
    mode: str  # Pillow's
    container: str
    file_bytes: int
    progressive: bool
    turned: bool  # it has an orientation to be applied

    def decoding(self, scale: int) -> tuple[int, int]:
        """Bytes that decoding at 1/`scale` of its sides takes, and takes at least."""
        pixels = self.pixels / scale**2
        stored, more = pixels * STORED.get(self.mode, 4), pixels * DECODER_BYTES.get(self.container, 4.0)
        if self.progressive:
            more += self.pixels * COEFFICIENT_BYTES
        if self.container in MAPPED:
            more += self.file_bytes
        return int(stored + more), int(stored)

    def showing(self, scale: int, longest: int | None) -> int:
        """Bytes that turning it upright, converting it to RGB and scaling it to `longest` takes
        beside the decoded picture."""
        pixels, stored = self.pixels // scale**2, STORED.get(self.mode, 4)
        per_pixel = stored if self.turned else 0
        if self.mode.startswith(("I", "F")):
            per_pixel += 2 * stored + 2 + RGB_BYTES
        elif self.mode != "RGB":
            per_pixel += 2 * RGB_BYTES + 1
        sent = pixels if longest is None else min(pixels, longest**2)
        return pixels * per_pixel + sent * (SENT_BYTES + RGB_BYTES)


def video_bytes(video: VideoStream, codec: str) -> tuple[int, int]:
    """Bytes that decoding a film of that codec and showing one frame takes, and takes at least: two
    frames."""
    format_ = video.codec_context.format
    bits = UNKNOWN_BITS if format_ is None else format_.padded_bits_per_pixel
    pixels = video.width * video.height
    frame = pixels * bits // 8
    held = FRAMES_HELD.get(codec, 2) + THREADS + 2
    return int(frame * OVERHEAD * held) + pixels * FRAME_SENT_BYTES, 2 * frame


def reserve_within(limits: Limits, granted: int, name: str) -> Reserve:
    """What a child reserves by: raises `TooLarge` beyond the limits, `NeedsMemory` beyond what was
    granted to it."""

    def reserve(size: int, at_least: int) -> None:
        if at_least > limits.memory_bytes:
            raise TooLarge(
                f"{name}: its pictures take {at_least:,} bytes, more than the {limits.memory_bytes:,} that decoding may use "
                "(MM_SANDBOX_MEMORY, MM_SANDBOX_TOTAL_MEMORY)."
            )
        needed = min(BASE_BYTES + size, limits.memory_bytes)
        if needed > granted:
            raise NeedsMemory(needed)

    return reserve


def no_reserve(size: int, at_least: int) -> None:
    """For files that are read in a process without a limit of its own: measurements and tests."""
