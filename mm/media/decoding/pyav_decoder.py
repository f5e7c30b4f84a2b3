"""The default decoder: libav through PyAV, exact on every accepted container."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av.error
from av.audio.frame import AudioFrame
from av.video.stream import VideoStream

from mm.errors import MediaError
from mm.media.containers.av_file import AvFrame, AvStream, frame_seconds, priming, seconds, time_base
from mm.media.decoding.frame_skipping import FrameSkipper
from mm.media.decoding.pyav_frame import FrameConverter, PyavFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from mm.media.containers.av_file import AvFile, AvPacket, What

STEPS_BACK = (Fraction(0), Fraction(2), Fraction(10))  # seconds; a demuxer may land behind what was asked for
NEVER_SEEK = frozenset({"gif", "mpeg"})
"""Each frame of a GIF is painted on those before it; MPEG-PS tells few times, and those guessed
behind a seek are wrong."""


class PyavDecoder:
    """Frames of the video stream of an open file, timed from `origin`, the container's time of the
    presentation's 0.

    All of them, or with `late` only such that each one left out is followed by another within so
    many seconds.
    """

    def __init__(self, media: AvFile, origin: Fraction, late: float = 0.0) -> None:
        self._media, self._origin, self._late = media, origin, late
        assert media.video is not None
        self._painter = FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio)

    def frames(self, start: float) -> Iterator[PyavFrame]:
        last: Fraction | None = None
        for time, frame in video_frames_from(self._media, self._origin, start, self._late):
            if last is None or time > last:  # in a broken stream time may stand or go back
                last = time
                yield PyavFrame(float(time - self._origin), frame, self._painter)
        if last is None:
            raise MediaError(self._media.name, "unreadable", "none of its frames can be decoded")


def video_frames_from(media: AvFile, origin: Fraction, start: float, late: float = 0.0) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Pictures and their container times, the first of them shown at or before `start` seconds
    after `origin`."""
    return cast("Iterator[tuple[Fraction, VideoFrame]]", _frames_from(media, "video", origin, start, late))


def audio_frames_from(media: AvFile, origin: Fraction, start: float) -> Iterator[tuple[Fraction, AudioFrame]]:
    """As `video_frames_from`, of the sound."""
    return cast("Iterator[tuple[Fraction, AudioFrame]]", _frames_from(media, "audio", origin, start))


def _frames_from(
    media: AvFile, what: What, origin: Fraction, start: float, late: float = 0.0
) -> Iterator[tuple[Fraction, AvFrame]]:
    """A demuxer's seek is taken at its word only when the first frame that comes out of it is early
    enough."""
    for back in STEPS_BACK:
        if not seek(media, what, origin + Fraction(start) - back):
            break
        frames = _decoded(media, what, late)
        first = next(frames, None)
        if first is not None and float(first[0] - origin) <= start:
            yield first
            yield from frames
            return
    media.rewind()
    yield from _decoded(media, what, late)


def seek(media: AvFile, what: What, time: Fraction) -> bool:
    """Move to the key frame at or before `time`. False where that is not possible or no gain."""
    stream = media.stream(what)
    first = seconds(stream.start_time, stream) if stream.start_time is not None else None
    if media.kind.container in NEVER_SEEK or first is None or time <= first:
        return False
    return media.seek(time, stream)


def _decoded(media: AvFile, what: What, late: float) -> Iterator[tuple[Fraction, AvFrame]]:
    return decode_frames(media, media.stream(what), skipper=FrameSkipper(media, late) if late else None)


def decode_frames(media: AvFile, *streams: AvStream, skipper: FrameSkipper | None = None) -> Iterator[tuple[Fraction, AvFrame]]:
    """Decode from the current place to the end, without the pictures that `skipper` leaves out.

    Damaged packets are passed over, as players do.
    """
    clocks = {stream.index: _Clock(stream, media.kind.container) for stream in streams}
    for packet in media.packets(*streams):
        if skipper is not None and skipper.can_skip(packet):
            continue
        stream, clock = packet.stream, clocks[packet.stream.index]
        for frame in (*_decode_to_the_end(media, stream), *decode(stream, packet)):
            if (time := clock.time_of(frame)) is not None:
                yield time, frame
    for stream in streams:
        for frame in decode(stream, None):
            if (time := clocks[stream.index].time_of(frame)) is not None:
                yield time, frame


def _decode_to_the_end(media: AvFile, stream: AvStream) -> list[AvFrame]:
    """What a decoder still holds of the part of a joined recording that has ended; it starts anew
    behind it."""
    if not media.is_new_section:
        return []
    frames = decode(stream, None)
    stream.codec_context.flush_buffers()
    return frames


def decode(stream: AvStream, packet: AvPacket | None) -> list[AvFrame]:
    """Frames that come out when `packet` goes in, or at the end (None); none where the packet is
    damaged."""
    try:
        return list(stream.codec_context.decode(packet))
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return []


class _Clock:
    """Times of decoded frames.

    AVI stores none: there a picture leaves the decoder as many packets after its turn as the
    decoder holds back to reorder, and the samples that an encoder puts in front are not told apart.
    """

    def __init__(self, stream: AvStream, container: str) -> None:
        self._stream = stream
        self._in_decoding_order = container == "avi" and isinstance(stream, VideoStream)
        self._priming = priming(stream, container)
        self._next: Fraction | None = None

    def time_of(self, frame: AvFrame) -> Fraction | None:
        """None when there is no telling. A frame without a time of its own follows the one before
        it."""
        ticks = frame.dts if self._in_decoding_order else frame.pts
        time = self._next if ticks is None else seconds(ticks, self._stream)
        if time is not None:
            self._next = time + self._length(frame)
            if isinstance(frame, AudioFrame):
                time -= Fraction(self._priming, frame.sample_rate)
            elif self._in_decoding_order:
                time -= cast("VideoStream", self._stream).codec_context.reorder_depth * time_base(self._stream)
        return time

    def _length(self, frame: AvFrame) -> Fraction:
        if isinstance(frame, AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return frame_seconds(cast("VideoStream", self._stream))
