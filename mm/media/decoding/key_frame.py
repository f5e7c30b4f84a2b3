"""The key frame at or before a time, decoded alone: it costs one frame in any group of pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from mm.media.containers.streams import to_seconds
from mm.media.decoding.pyav_decoder import SEEK_MARGINS, PyavDecoder, decode_packet, seek
from mm.media.decoding.pyav_frame import FrameConverter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from mm.media.containers.av_file import AvFile
    from mm.media.containers.streams import AvPacket
    from mm.media.types import RGB

INDEXED = frozenset({"mov"})
"""Formats whose seek finds the nearest key frame; in the others, later key frames are searched for
after the seek."""
FIRST_FRAME_ONLY = frozenset({"gif", "apng"})
"""Containers in which only the first frame is complete, whatever their packets are marked as."""


def decode_key_frame(media: AvFile, origin: Fraction, time: float, longest: int | None) -> RGB:
    """Decode the nearest key frame at or before `time` seconds after `origin`, upright.

    No side is over `longest` pixels. If no key frame can be decoded alone, the first frame that can
    be decoded from there on. Raises `MediaError` (`unreadable`) when no frame can be decoded.
    """
    packet = _find_key_packet(media, origin, time)
    frame = None if packet is None else _decode_alone(media, packet)
    if frame is None:
        return next(PyavDecoder(media, origin).frames(time)).rgb(longest)
    assert media.video is not None
    return FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio).rgb(frame, longest)


def _find_key_packet(media: AvFile, origin: Fraction, time: float) -> AvPacket | None:
    """The packet of the last key frame shown at or before `time`; None without one."""
    if media.kind.container in FIRST_FRAME_ONLY:
        return next(media.packets(media.stream("video")), None)
    for margin in SEEK_MARGINS:
        if not seek(media, "video", origin + Fraction(time) - margin):
            break
        is_first_nearest = not margin and media.kind.format in INDEXED
        packet = _last_key_packet(media, origin, time, is_first_nearest=is_first_nearest)
        if packet is not None:
            return packet
    media.rewind()
    return _last_key_packet(media, origin, time, is_first_nearest=False)


def _last_key_packet(media: AvFile, origin: Fraction, time: float, *, is_first_nearest: bool) -> AvPacket | None:
    """The last key packet from the current position to `time`."""
    nearest: AvPacket | None = None
    for packet in media.packets(media.stream("video")):
        ticks = media.ticks(packet)
        if packet.dts is not None and float(to_seconds(packet.dts, packet.stream) - origin) > time:
            break
        if not packet.is_keyframe or packet.is_discard or ticks is None:
            continue
        if float(to_seconds(ticks, packet.stream) - origin) <= time:
            nearest = packet
            if is_first_nearest:
                break
    return nearest


def _decode_alone(media: AvFile, packet: AvPacket) -> VideoFrame | None:
    stream = media.stream("video")
    frames = [*decode_packet(stream, packet), *decode_packet(stream, None)]
    return cast("VideoFrame", frames[0]) if frames else None
