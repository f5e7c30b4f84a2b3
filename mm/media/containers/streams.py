"""Streams and packets of libav: types, names of codecs, and exact times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.packet import Packet

StreamKind = Literal["video", "audio"]
AvStream: TypeAlias = VideoStream | AudioStream
AvFrame: TypeAlias = VideoFrame | AudioFrame
AvPacket: TypeAlias = "Packet[VideoStream] | Packet[AudioStream]"
StreamT = TypeVar("StreamT", VideoStream, AudioStream)

COMMON_NAMES = {"libdav1d": "av1", "mp3float": "mp3", "mp2float": "mp2", "libopus": "opus"}
AVI_PRIMING = {"mp3": 1105, "ac3": 256}
"""Samples. MP3: 576 of the LAME encoder and 529 of every decoder. AC-3: half a window (ATSC A/52,
7.9)."""
FALLBACK_RATE = Fraction(25)  # frames per second of a stream that does not state its rate
MAX_DURATION = 1 << 31
"""Ticks; no packet is that long. The last page of an Ogg file may end before its packet begins:
its negative length is stored as an unsigned number."""


def decoder_name(stream: AvStream) -> str:
    """Name of the decoder of a stream, empty when there is none."""
    context = stream.codec_context
    return context.codec.name if context is not None else ""


def codec_name(stream: AvStream | None) -> str:
    """Common name of the codec of a stream, empty without a stream."""
    if stream is None:
        return ""
    return COMMON_NAMES.get(decoder_name(stream), decoder_name(stream))


def time_base(stream: AvStream) -> Fraction:
    """Seconds per tick of the stream's timestamps."""
    assert stream.time_base is not None
    return stream.time_base


def to_seconds(ticks: int, stream: AvStream) -> Fraction:
    """Convert a timestamp of a stream to seconds, exactly."""
    return ticks * time_base(stream)


def frame_seconds(stream: VideoStream) -> Fraction:
    """Mean seconds per frame of a stream."""
    return 1 / (stream.average_rate or stream.guessed_rate or FALLBACK_RATE)


def priming_samples(stream: AvStream, container: str) -> int:
    """Encoder delay in samples that the container does not record; 0 outside AVI."""
    return AVI_PRIMING.get(codec_name(stream), 0) if container == "avi" else 0


def packet_seconds(packet: AvPacket) -> Fraction:
    """Duration of a packet in seconds, or the mean of its stream where the container has none."""
    ticks = packet.duration or 0
    length = to_seconds(ticks, packet.stream) if 0 < ticks < MAX_DURATION else Fraction(0)
    return frame_seconds(packet.stream) if not length and isinstance(packet.stream, VideoStream) else length


def preferred_stream(streams: Sequence[StreamT]) -> StreamT | None:
    """The stream marked as default, else the first; None without streams."""
    marked = (stream for stream in streams if stream.disposition & Disposition.default)
    return next(marked, streams[0] if streams else None)
