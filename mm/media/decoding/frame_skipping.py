"""Selects frames of a video that need not be decoded to sample it and to find its shots.

A frame may be skipped when no other frame is predicted from it and a decoded frame follows it soon.
The decoded frame replaces it, at its own time: a shot that begins with a skipped frame is reported
that much later, and no frame gets the time of another.
"""

from __future__ import annotations

from collections import deque
from math import floor
from typing import TYPE_CHECKING

from mm.media.containers.streams import codec_name, time_base

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from mm.media.containers.av_file import AvFile
    from mm.media.containers.streams import AvPacket

MAX_DELAY_SECONDS = 0.1
"""Limit by which a sample, or the start of a shot, may be later than in a full decode."""
MAX_DELAY_INTERVALS = 0.2  # the same limit, as a share of the time between two samples
CONTAINERS = frozenset({"mov", "matroska"})  # every packet has a timestamp in these
PROGRESSIVE = 1  # AVFieldOrder: of two fields in one picture, only one may be a reference
SLICES = range(1, 6)  # ITU-T H.264, table 7-1: the units that carry a picture
NUM_DECODED_TIMES = 32  # packets; a decoder delays at most 16 frames


def max_delay_at(fps: float) -> float:
    """Seconds that a sample may be late when `fps` samples are taken per second."""
    return min(MAX_DELAY_SECONDS, MAX_DELAY_INTERVALS / fps)


class FrameSkipper:
    """Decides for the packets of one video stream, in decoding order, which to skip."""

    def __init__(self, media: AvFile, max_delay: float) -> None:
        video = media.video
        is_supported = video is not None and _is_supported(media, video)
        self._length_bytes = _read_length_bytes(video) if video is not None and is_supported else 0
        self._max_delay = floor(max_delay / time_base(video)) if video is not None else 0  # ticks
        self._decoded_times: deque[int] = deque(maxlen=NUM_DECODED_TIMES)

    def can_skip(self, packet: AvPacket) -> bool:
        """Whether the frame of this packet is not needed."""
        if not self._length_bytes:
            return False
        if packet.pts is None:
            self._length_bytes = 0  # a missing time is derived from the frame before, which must be decoded
            return False
        time, latest = packet.pts, packet.pts + self._max_delay
        if is_disposable(memoryview(packet), self._length_bytes) and any(time < other <= latest for other in self._decoded_times):
            return True
        if not packet.is_discard:  # a frame that an edit list hides is decoded and replaces no other
            self._decoded_times.append(time)
        return False


def _is_supported(media: AvFile, video: VideoStream) -> bool:
    return codec_name(video) == "h264" and media.kind.format in CONTAINERS and video.codec_context.field_order == PROGRESSIVE


def _read_length_bytes(video: VideoStream) -> int:
    """Bytes of the length field before each unit (ISO 14496-15, 5.3.3.1); 0 for other layouts."""
    configuration = video.codec_context.extradata or b""
    return (configuration[4] & 3) + 1 if len(configuration) > 6 and configuration[0] == 1 else 0


def is_disposable(data: memoryview, length_bytes: int) -> bool:
    """Whether no slice of the frame is a reference: `nal_ref_idc` of ITU-T H.264, 7.4.1.

    False for data that cannot be parsed.
    """
    position, has_slice = 0, False
    while position + length_bytes < len(data):
        length = int.from_bytes(data[position : position + length_bytes])
        head = data[position + length_bytes]
        if head & 31 in SLICES:
            if head >> 5 & 3:
                return False
            has_slice = True
        position += length_bytes + length
    return has_slice and position == len(data)
