"""Which pictures of a film need not be decoded so that samples of it, and its shots, are found all
the same.

A picture may be passed over when no other is predicted from it and one that is decoded follows it
soon. That one stands for it, at its own time: what begins with a picture that was passed over is
found that much later, and none gets the time of another.
"""

from __future__ import annotations

from collections import deque
from math import floor
from typing import TYPE_CHECKING

from mm.media.containers.av_file import codec_name, time_base

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from mm.media.containers.av_file import AvFile, AvPacket

LATE_SECONDS = 0.1
"""The most by which what is sampled, or the start of a shot, may come later than in a film that is
decoded as a whole."""
LATE_TICKS = 0.2  # and of the time between two samples
CONTAINERS = frozenset({"mov", "matroska"})  # in these every packet has its time
PROGRESSIVE = 1  # AVFieldOrder: two fields may share a picture and only one of them be referred to
SLICES = range(1, 6)  # ITU-T H.264, table 7-1: the units that carry a picture
REMEMBERED = 32  # packets; a decoder holds 16 pictures back at most


def max_delay(fps: float) -> float:
    """Seconds that a sample may come late where `fps` are taken a second."""
    return min(LATE_SECONDS, LATE_TICKS / fps)


class FrameSkipper:
    """Tells of the packets of one stream, in the order of decoding, which to leave out."""

    def __init__(self, media: AvFile, late: float) -> None:
        video = media.video
        known = video is not None and _is_known(media, video)
        self._length_bytes = _length_bytes(video) if video is not None and known else 0
        self._late = floor(late / time_base(video)) if video is not None else 0  # ticks
        self._kept: deque[int] = deque(maxlen=REMEMBERED)

    def can_skip(self, packet: AvPacket) -> bool:
        """Whether the picture of this packet is not needed."""
        if not self._length_bytes:
            return False
        if packet.pts is None:
            self._length_bytes = 0  # a time that is missing is counted on from the picture before: it must be there
            return False
        time, latest = packet.pts, packet.pts + self._late
        if is_disposable(memoryview(packet), self._length_bytes) and any(time < other <= latest for other in self._kept):
            return True
        if not packet.is_discard:  # an edit list hides it: it is decoded and stands for nothing
            self._kept.append(time)
        return False


def _is_known(media: AvFile, video: VideoStream) -> bool:
    return codec_name(video) == "h264" and media.kind.format in CONTAINERS and video.codec_context.field_order == PROGRESSIVE


def _length_bytes(video: VideoStream) -> int:
    """Bytes of the length in front of each unit; ISO 14496-15, 5.3.3.1. 0 where units are parted in
    another way."""
    told = video.codec_context.extradata or b""
    return (told[4] & 3) + 1 if len(told) > 6 and told[0] == 1 else 0


def is_disposable(data: memoryview, length_bytes: int) -> bool:
    """No slice of the picture is referred to: `nal_ref_idc` of ITU-T H.264, 7.4.1. False for what
    cannot be read."""
    position, found = 0, False
    while position + length_bytes < len(data):
        length = int.from_bytes(data[position : position + length_bytes])
        head = data[position + length_bytes]
        if head & 31 in SLICES:
            if head >> 5 & 3:
                return False
            found = True
        position += length_bytes + length
    return found and position == len(data)
