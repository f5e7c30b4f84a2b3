"""Memory that a file takes to decode, estimated from its header before anything is allocated."""

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
"""Called with an upper and a lower estimate of the bytes that the images of a file take."""

THREADS = min((os.cpu_count() or 1) + 1, 8)
"""Threads of a decoder; computed at import, because the sandbox forbids the system call later."""
INITIAL_BYTES = 320 << 20
"""Address space of a child before it reads the header: enough for an image of 12 megapixels or a
video of 1920 x 1080."""
BASE_BYTES = (64 << 20) + THREADS * (16 << 20)
"""Address space that decoding takes besides the images: buffers of libraries; a stack and an arena
for each thread."""
PILLOW_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2, "LA": 4}
"""Bytes per pixel of a Pillow image, by mode; 4 in all others, RGB among them."""
DECODER_BYTES = {"jpeg": 0.0, "png": 0.0, "tiff": 4.0, "webp": 12.0, "gif": 4.0, "bmp": 4.0}
DECODER_BYTES |= {"avif": 18.0, "heif": 18.0, "jpeg2000": 28.0}
"""Bytes per pixel that a decoder holds besides the image: one strip of a TIFF may be the whole
image, WebP has its own canvases, AVIF and HEIF have planes and a copy as RGB, JPEG 2000 has 32 bits
per component and its wavelets."""
COEFFICIENT_BYTES = 6.0
"""Bytes per pixel of a progressive JPEG at any scale: 16 bits for each of three components."""
MAPPED = frozenset({"tiff", "webp", "avif", "heif"})
"""Containers of which all bytes are in memory: libtiff maps the file, and Pillow passes all of it
to libwebp, libavif and libheif."""
RGB_BYTES = 4  # per pixel in Pillow
SENT_BYTES = 9  # per pixel of the response: as bytes, concatenated, and as an array
MAX_REFERENCE_FRAMES = {
    "h264": 17,
    "hevc": 17,
    "vp9": 10,
    "vp8": 5,
    "av1": 10,
    "mpeg4": 4,
    "mpeg2video": 4,
    "mpeg1video": 4,
    "gif": 3,
    "apng": 4,
}
"""Frames that a decoder keeps for prediction and reordering; 2 in all others."""
OVERHEAD = 2.0  # factor per frame: borders, motion vectors, fragmentation of the heap
FRAME_SENT_BYTES = 24  # per pixel of the video: the returned frame is converted, rotated, copied and concatenated
UNKNOWN_BITS = 32  # per pixel of a video that does not state its pixel format


class NeedsMemory(Exception):
    """The file takes more memory than this child may use: `size` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Size and layout of an image, from its header."""

    pixels: int
    mode: str  # Pillow's
    container: str
    file_bytes: int
    is_progressive: bool
    is_rotated: bool  # it has an orientation to be applied

    def decoding_bytes(self, scale: int) -> tuple[int, int]:
        """Upper and lower estimate of the bytes that decoding at 1/`scale` of its sides takes."""
        pixels = self.pixels / scale**2
        image, more = pixels * PILLOW_BYTES.get(self.mode, 4), pixels * DECODER_BYTES.get(self.container, 4.0)
        if self.is_progressive:
            more += self.pixels * COEFFICIENT_BYTES
        if self.container in MAPPED:
            more += self.file_bytes
        return int(image + more), int(image)

    def conversion_bytes(self, scale: int, longest: int | None) -> int:
        """Bytes, besides the decoded image, for rotation, conversion to RGB and scaling."""
        pixels, stored = self.pixels // scale**2, PILLOW_BYTES.get(self.mode, 4)
        per_pixel = stored if self.is_rotated else 0
        if self.mode.startswith(("I", "F")):
            per_pixel += 2 * stored + 2 + RGB_BYTES
        elif self.mode != "RGB":
            per_pixel += 2 * RGB_BYTES + 1
        sent = pixels if longest is None else min(pixels, longest**2)
        return pixels * per_pixel + sent * (SENT_BYTES + RGB_BYTES)


def video_bytes(video: VideoStream, codec: str) -> tuple[int, int]:
    """Upper and lower estimate of the bytes that decoding a video and returning one frame takes.

    The lower one is two frames.
    """
    format_ = video.codec_context.format
    bits = UNKNOWN_BITS if format_ is None else format_.padded_bits_per_pixel
    pixels = video.width * video.height
    frame = pixels * bits // 8
    num_frames = MAX_REFERENCE_FRAMES.get(codec, 2) + THREADS + 2
    return int(frame * OVERHEAD * num_frames) + pixels * FRAME_SENT_BYTES, 2 * frame


def reserve_within(limits: Limits, granted: int, name: str) -> Reserve:
    """Return the `Reserve` of a child that was granted so many bytes.

    It raises `TooLarge` beyond the limits and `NeedsMemory` beyond the grant.
    """

    def reserve(size: int, min_size: int) -> None:
        if min_size > limits.memory_bytes:
            raise TooLarge(
                f"{name}: its images take {min_size:,} bytes to decode, more than the limit of {limits.memory_bytes:,} bytes "
                "(MM_SANDBOX_MEMORY, MM_SANDBOX_TOTAL_MEMORY)."
            )
        needed = min(BASE_BYTES + size, limits.memory_bytes)
        if needed > granted:
            raise NeedsMemory(needed)

    return reserve


def no_reserve(size: int, min_size: int) -> None:
    """Reserve without a limit: for measurements and tests that decode in their own process."""
