"""Decodes a live stream from a pipe: no container, one access unit after another."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, cast

import av
import av.error
from av.codec.context import Flags
from av.packet import Packet

from mm.errors import MediaError
from mm.media.decoding.pyav_frame import FrameConverter
from mm.media.types import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.video.codeccontext import VideoCodecContext

HEADER = struct.Struct("<Iq")
"""Before each access unit: its size in bytes, its time in microseconds."""
CODECS = frozenset({"h264", "hevc"})
MAX_UNIT_BYTES = 32 << 20


def decode_live(
    file: BinaryIO, name: str, codec: str, max_pixels: int, longest: int | None, heartbeat: Callable[[], None]
) -> Iterator[Frame]:
    """Yield the frames of the units that `file` delivers; a damaged unit gives none.

    Raises `MediaError` for another codec and for a unit that is too large.
    """
    if codec not in CODECS:
        raise MediaError(name, "unsupported", f"live streams of the codec {codec} are not decoded")
    context = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    context.thread_type = "SLICE"  # threads by frame delay each frame by their number
    context.flags |= Flags.low_delay
    context.options = {"max_pixels": str(max_pixels)}
    converter = FrameConverter(name, max_pixels, None)
    while len(header := file.read(HEADER.size)) == HEADER.size:
        size, microseconds = HEADER.unpack(header)
        if size > MAX_UNIT_BYTES:
            raise MediaError(name, "too-large", f"a frame of {size:,} bytes is larger than {MAX_UNIT_BYTES:,} bytes")
        packet = Packet(file.read(size))
        packet.pts = packet.dts = microseconds
        heartbeat()
        try:
            frames = context.decode(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            continue
        for frame in frames:
            yield Frame((frame.pts if frame.pts is not None else microseconds) / 1e6, converter.rgb(frame, longest), False, 0.0)
