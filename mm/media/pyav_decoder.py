"""The default decoder: libav through PyAV, exact on every accepted container."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av.error

from mm.errors import MediaError
from mm.media.av_file import seconds
from mm.media.pyav_frame import Painter, PyavFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from mm.media.av_file import AvFile

What = Literal["video", "audio"]

STEPS_BACK = (Fraction(0), Fraction(2), Fraction(10))  # seconds; a demuxer may land behind what was asked for
NEVER_SEEK = frozenset({"gif"})  # each frame is painted on those before it
FALLBACK_RATE = Fraction(25)


class PyavDecoder:
    """Frames of the video stream of an open file, timed from `origin`, the container's time of the presentation's 0."""

    def __init__(self, media: AvFile, origin: Fraction) -> None:
        self._media, self._origin = media, origin
        assert media.video is not None
        self._painter = Painter(media.name, media.max_pixels, media.video.sample_aspect_ratio)

    def frames(self, start: float) -> Iterator[PyavFrame]:
        found = False
        for time, frame in frames_from(self._media, "video", self._origin + Fraction(start)):
            found = True
            yield PyavFrame(float(time - self._origin), frame, self._painter)
        if not found:
            raise MediaError(self._media.name, "unreadable", "none of its frames can be decoded")


def frames_from(media: AvFile, what: What, start: Fraction) -> Iterator[tuple[Fraction, VideoFrame | AudioFrame]]:
    """Frames and their container times in seconds, the first at or before `start`, or the first of the stream.

    A demuxer's seek is taken at its word only when the first frame that comes out of it is early enough.
    """
    for back in STEPS_BACK:
        if not _seek(media, what, start - back):
            break
        frames = _decoded(media, what)
        first = next(frames, None)
        if first is not None and first[0] <= start:
            yield first
            yield from frames
            return
    media.rewind()
    yield from _decoded(media, what)


def _seek(media: AvFile, what: What, time: Fraction) -> bool:
    """Move to the key frame at or before `time`. False where that is not possible or no gain."""
    stream = media.video if what == "video" else media.audio
    assert stream is not None
    assert stream.time_base is not None
    first = seconds(stream.start_time, stream) if stream.start_time is not None else None
    if media.kind.container in NEVER_SEEK or first is None or time <= first:
        return False
    try:
        media.container.seek(int(time / stream.time_base), stream=stream, backward=True)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def _decoded(media: AvFile, what: What) -> Iterator[tuple[Fraction, VideoFrame | AudioFrame]]:
    stream = media.video if what == "video" else media.audio
    return ((time, frame) for _, time, frame in decoded_from_here(media, stream))


def decoded_from_here(
    media: AvFile, *streams: VideoStream | AudioStream
) -> Iterator[tuple[VideoStream | AudioStream, Fraction, VideoFrame | AudioFrame]]:
    """Decode from the current place to the end. Damaged packets are passed over, as players do."""
    clocks = {stream.index: _Clock(stream) for stream in streams}
    for packet in media.packets(*streams):
        stream, clock = packet.stream, clocks[packet.stream.index]
        clock.note(packet)
        for frame in _decode(stream, packet):
            if (time := clock.time_of(frame)) is not None:
                yield stream, time, frame
    for stream in streams:
        for frame in _decode(stream, None):
            if (time := clocks[stream.index].time_of(frame)) is not None:
                yield stream, time, frame


def _decode(stream: VideoStream | AudioStream, packet: Packet | None) -> list[VideoFrame | AudioFrame]:
    try:
        return list(stream.codec_context.decode(packet))
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return []


class _Clock:
    """Times of decoded frames. Where a container stores none for them (AVI), they are counted from the last one known."""

    def __init__(self, stream: VideoStream | AudioStream) -> None:
        self._stream = stream
        self._next: Fraction | None = None

    def note(self, packet: Packet) -> None:
        """Before the first frame: a key frame without a time of its own is shown when it is decoded."""
        if self._next is None and packet.is_keyframe and packet.dts is not None:
            self._next = seconds(packet.dts, self._stream)

    def time_of(self, frame: VideoFrame | AudioFrame) -> Fraction | None:
        """None when there is no telling."""
        time = self._next if frame.pts is None else seconds(frame.pts, self._stream)
        if time is not None:
            self._next = time + self._length(frame)
        return time

    def _length(self, frame: VideoFrame | AudioFrame) -> Fraction:
        if self._stream.type == "audio":
            return Fraction(frame.samples, frame.sample_rate)
        return 1 / (self._stream.average_rate or self._stream.guessed_rate or FALLBACK_RATE)
