"""The key frame at or before a time, decoded alone: the cost of one frame, however long the group
of pictures is."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from mm.media.containers.av_file import seconds
from mm.media.decoding.pyav_decoder import STEPS_BACK, PyavDecoder, decode, seek
from mm.media.decoding.pyav_frame import FrameConverter

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from mm.media.containers.av_file import AvFile, AvPacket
    from mm.media.types import RGB

INDEXED = frozenset({"mov"})
"""Formats whose seek goes to the nearest key frame; behind the seek of the others, later key frames
are looked for."""
PAINTED_OVER = frozenset({"gif"})
"""Containers in which only the first frame stands on its own, whatever their packets are marked as.
"""


def decode_key_frame(media: AvFile, origin: Fraction, time: float, longest: int | None) -> RGB:
    """The nearest key frame at or before `time` seconds after `origin`, upright; no side over
    `longest` pixels.

    Where none can be decoded alone: the first frame that can be decoded from there on.
    Raises `MediaError` (`unreadable`) when no frame can be decoded.
    """
    packet = _nearest_key(media, origin, time)
    frame = None if packet is None else _decoded_alone(media, packet)
    if frame is None:
        return next(PyavDecoder(media, origin).frames(time)).rgb(longest)
    assert media.video is not None
    return FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio).rgb(frame, longest)


def _nearest_key(media: AvFile, origin: Fraction, time: float) -> AvPacket | None:
    """The packet of the last key frame shown at or before `time`; None without one."""
    if media.kind.container in PAINTED_OVER:
        return next(media.packets(media.stream("video")), None)
    for back in STEPS_BACK:
        if not seek(media, "video", origin + Fraction(time) - back):
            break
        found = _last_key_until(media, origin, time, first_is_nearest=not back and media.kind.format in INDEXED)
        if found is not None:
            return found
    media.rewind()
    return _last_key_until(media, origin, time, first_is_nearest=False)


def _last_key_until(media: AvFile, origin: Fraction, time: float, *, first_is_nearest: bool) -> AvPacket | None:
    nearest: AvPacket | None = None
    for packet in media.packets(media.stream("video")):
        ticks = media.ticks(packet)
        if packet.dts is not None and float(seconds(packet.dts, packet.stream) - origin) > time:
            break
        if not packet.is_keyframe or packet.is_discard or ticks is None:
            continue
        if float(seconds(ticks, packet.stream) - origin) <= time:
            nearest = packet
            if first_is_nearest:
                break
    return nearest


def _decoded_alone(media: AvFile, packet: AvPacket) -> VideoFrame | None:
    stream = media.stream("video")
    frames = [*decode(stream, packet), *decode(stream, None)]
    return cast("VideoFrame", frames[0]) if frames else None
