"""The default decoder: libav through PyAV, exact on every accepted container."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av.error
from av.audio.frame import AudioFrame
from av.video.stream import VideoStream

from mm.errors import MediaError
from mm.media.containers.streams import AvFrame, AvStream, frame_seconds, priming_samples, time_base, to_seconds
from mm.media.decoding.frame_skipping import FrameSkipper
from mm.media.decoding.pyav_frame import FrameConverter, PyavFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from mm.media.containers.av_file import AvFile
    from mm.media.containers.streams import AvPacket, StreamKind

SEEK_MARGINS = (Fraction(0), Fraction(2), Fraction(10))
"""Seconds subtracted from a time in successive seeks: a demuxer may stop after the given time."""
NEVER_SEEK = frozenset({"gif", "apng", "mpeg"})
"""Each frame of a GIF or an APNG is drawn on those before it; MPEG-PS stores few times, and those
that are guessed after a seek are wrong."""


class PyavDecoder:
    """Frames of the video stream of an open file, timed from `origin`.

    `origin` is the container's time of the presentation's 0. With `max_delay`, a frame may be
    skipped that another one follows within so many seconds.
    """

    def __init__(self, media: AvFile, origin: Fraction, max_delay: float = 0.0) -> None:
        self._media, self._origin, self._max_delay = media, origin, max_delay
        assert media.video is not None
        self._converter = FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio)

    def frames(self, start: float) -> Iterator[PyavFrame]:
        last: Fraction | None = None
        for time, frame in decode_video_from(self._media, self._origin, start, self._max_delay):
            if last is None or time > last:  # in a damaged stream times may repeat or decrease
                last = time
                yield PyavFrame(float(time - self._origin), frame, self._converter)
        if last is None:
            raise MediaError(self._media.name, "unreadable", "none of its frames can be decoded")


def decode_video_from(
    media: AvFile, origin: Fraction, start: float, max_delay: float = 0.0
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Frames and their container times; the first is shown at or before `start` after `origin`."""
    return cast("Iterator[tuple[Fraction, VideoFrame]]", _decode_from(media, "video", origin, start, max_delay))


def decode_audio_from(media: AvFile, origin: Fraction, start: float) -> Iterator[tuple[Fraction, AudioFrame]]:
    """Audio frames and their container times; see `decode_video_from`."""
    return cast("Iterator[tuple[Fraction, AudioFrame]]", _decode_from(media, "audio", origin, start))


def _decode_from(
    media: AvFile, kind: StreamKind, origin: Fraction, start: float, max_delay: float = 0.0
) -> Iterator[tuple[Fraction, AvFrame]]:
    """Decode from a seek whose first frame is early enough, else from the start of the file."""
    for margin in SEEK_MARGINS:
        if not seek(media, kind, origin + Fraction(start) - margin):
            break
        frames = _decode_stream(media, kind, max_delay)
        first = next(frames, None)
        if first is not None and float(first[0] - origin) <= start:
            yield first
            yield from frames
            return
    media.rewind()
    yield from _decode_stream(media, kind, max_delay)


def seek(media: AvFile, kind: StreamKind, time: Fraction) -> bool:
    """Seek to the key frame at or before `time`; return False where that fails or gains nothing."""
    stream = media.stream(kind)
    first = to_seconds(stream.start_time, stream) if stream.start_time is not None else None
    if media.kind.container in NEVER_SEEK or first is None or time <= first:
        return False
    return media.seek(time, stream)


def _decode_stream(media: AvFile, kind: StreamKind, max_delay: float) -> Iterator[tuple[Fraction, AvFrame]]:
    return decode_streams(media, media.stream(kind), skipper=FrameSkipper(media, max_delay) if max_delay else None)


def decode_streams(media: AvFile, *streams: AvStream, skipper: FrameSkipper | None = None) -> Iterator[tuple[Fraction, AvFrame]]:
    """Decode from the current position to the end, without the frames that `skipper` skips.

    Damaged packets are ignored, as players do.
    """
    clocks = {stream.index: _Clock(stream, media.kind.container) for stream in streams}
    for packet in media.packets(*streams):
        if skipper is not None and skipper.can_skip(packet):
            continue
        stream, clock = packet.stream, clocks[packet.stream.index]
        for frame in (*_flush_section(media, stream), *decode_packet(stream, packet)):
            if (time := clock.time_of(frame)) is not None:
                yield time, frame
    for stream in streams:
        for frame in decode_packet(stream, None):
            if (time := clocks[stream.index].time_of(frame)) is not None:
                yield time, frame


def _flush_section(media: AvFile, stream: AvStream) -> list[AvFrame]:
    """Frames that the decoder still holds of a section that has ended; resets the decoder."""
    if not media.is_new_section:
        return []
    frames = decode_packet(stream, None)
    stream.codec_context.flush_buffers()
    return frames


def decode_packet(stream: AvStream, packet: AvPacket | None) -> list[AvFrame]:
    """Decode a packet, or flush the decoder (None); no frames where the packet is damaged."""
    try:
        return list(stream.codec_context.decode(packet))
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return []


class _Clock:
    """Times of decoded frames.

    AVI stores none: there a frame leaves the decoder as many packets late as the decoder delays to
    reorder, and the priming samples of an encoder are not marked.
    """

    def __init__(self, stream: AvStream, container: str) -> None:
        self._stream = stream
        self._uses_decoding_time = container == "avi" and isinstance(stream, VideoStream)
        self._priming = priming_samples(stream, container)
        self._next: Fraction | None = None

    def time_of(self, frame: AvFrame) -> Fraction | None:
        """Time of a frame, by default the end of the one before it; None if unknown."""
        ticks = frame.dts if self._uses_decoding_time else frame.pts
        time = self._next if ticks is None else to_seconds(ticks, self._stream)
        if time is not None:
            self._next = time + self._length(frame)
            if isinstance(frame, AudioFrame):
                time -= Fraction(self._priming, frame.sample_rate)
            elif self._uses_decoding_time:
                time -= cast("VideoStream", self._stream).codec_context.reorder_depth * time_base(self._stream)
        return time

    def _length(self, frame: AvFrame) -> Fraction:
        if isinstance(frame, AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return frame_seconds(cast("VideoStream", self._stream))
