"""A container opened by libav: only accepted demuxers and decoders, nothing but the one file,
streams picked."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, TypeVar, cast

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media.containers.memory_estimate import THREADS
from mm.media.containers.mpegts_clock import find_discontinuities
from mm.media.containers.mpegts_sections import SectionTimestamps, find_sections
from mm.media.containers.truncation import describe_missing_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from av.container import InputContainer
    from av.packet import Packet

    from mm.media.containers.mpegts_sections import SectionMap
    from mm.media.containers.sniff import FileType

What = Literal["video", "audio"]
AvStream: TypeAlias = VideoStream | AudioStream
AvFrame: TypeAlias = VideoFrame | AudioFrame
AvPacket: TypeAlias = "Packet[VideoStream] | Packet[AudioStream]"
StreamT = TypeVar("StreamT", VideoStream, AudioStream)

DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,wav,mp3,flac,ogg,aac"
VIDEO_DECODERS = frozenset({"h264", "hevc", "vp8", "vp9", "libdav1d", "gif", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"})
AUDIO_DECODERS = frozenset(
    {"aac", "mp3float", "mp3", "mp2float", "mp2", "flac", "vorbis", "opus", "libopus", "ac3", "eac3", "alac"}
    | {
        f"pcm_{sample}"
        for sample in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "u8", "f32le", "f64le", "alaw", "mulaw")
    }
)
COMMON_NAMES = {"libdav1d": "av1", "mp3float": "mp3", "mp2float": "mp2", "libopus": "opus"}
AVI_PRIMING = {"mp3": 1105, "ac3": 256}
"""Samples: of LAME's encoder 576 and of every MP3 decoder 529; the half window of every AC-3 (ATSC
A/52, 7.9)."""
BUFFER_BYTES = 1 << 17
FALLBACK_RATE = Fraction(25)  # pictures a second of a stream that does not say
WRAPPED = 1 << 31
"""No packet is so long, in ticks: a last page of Ogg that ends before its packet begins has a
negative length, kept unsigned."""


class AvFile:
    """One open container. `video` and `audio` are the streams that count, None where there is none.

    `alive` is called for each packet, so that a long decode is seen to move. `joined` places the
    packets of a file whose clock starts anew in the middle. Raises `MediaError`, `UnsupportedMedia`
    and `TooLarge`, naming the file `name`.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        kind: FileType,
        max_pixels: int,
        alive: Callable[[], None],
        joined: SectionMap | None = None,
    ) -> None:
        self.name, self.kind, self.max_pixels, self.alive, self.joined = name, kind, max_pixels, alive, joined
        self.is_new_section = False
        """Whether the packet given last is the first of its stream after a join: its decoder is to
        start anew."""
        self._file = file
        self.container = self._open()
        try:
            self.video = self._pick_video()
            self.audio = self._pick_audio()
            if self.video is None and self.audio is None:
                raise MediaError(name, "no-streams", "it holds neither pictures nor sound")
        except BaseException:
            self.container.close()
            raise

    def rewind(self) -> None:
        """Start over with a new demuxer and new decoders, unless nothing was read yet."""
        if self._untouched:
            return
        self.container.close()
        self.container = self._open()
        self.video, self.audio = self._pick_video(), self._pick_audio()

    def find_sections(self) -> None:
        """Find out whether its clock starts anew somewhere; if so, packets are from now on on the
        clock of the whole."""
        streams = self.streams
        pids = frozenset(stream.id for stream in streams)
        self._untouched = False
        discontinuities = find_discontinuities(self._file, pids, self.alive)
        self.rewind()
        if discontinuities:
            self.joined = find_sections(discontinuities, ((packet, shown_for(packet)) for packet in self.packets(*self.streams)))
            self.rewind()

    def __enter__(self) -> AvFile:
        return self

    def __exit__(self, cls: object, error: BaseException | None, trace: TracebackType | None) -> None:
        self.container.close()

    def seek(self, time: Fraction, stream: AvStream) -> bool:
        """Move to a key frame of `stream` at or before `time`, as far as the demuxer can tell.
        False where it cannot."""
        self._untouched = False
        try:
            if self.joined is not None:
                return self._seek_joined(self.joined, time, stream)
            self.container.seek(round(time / time_base(stream)), stream=stream, backward=True)
        except (av.error.FFmpegError, OSError, OverflowError):
            return False
        return True

    def _seek_joined(self, joined: SectionMap, time: Fraction, stream: AvStream) -> bool:
        position = joined.position(stream.index, time)
        if position is None:
            return False
        self.container.seek(position, stream=stream, unsupported_byte_offset=True)
        self._position = position
        return True

    @property
    def streams(self) -> list[AvStream]:
        """Those that count."""
        return [stream for stream in (self.video, self.audio) if stream is not None]

    def stream(self, what: What) -> AvStream:
        """The stream that is known to be there."""
        stream = self.video if what == "video" else self.audio
        assert stream is not None
        return stream

    def packets(self, *streams: AvStream) -> Iterator[AvPacket]:
        """Packets of these streams from the current place on, without the empty one that ends a
        stream."""
        self._untouched = False
        for stream in self.container.streams:
            stream.discard = Discard.default if stream in streams else Discard.all
        demuxed = self.container.demux(*streams)
        placer = SectionTimestamps(self.joined, self._position) if self.joined is not None else None
        while True:
            self.alive()
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except MemoryError:
                raise
            except (av.error.FFmpegError, OSError):
                return  # what lies behind cannot be found; what was found is used
            if packet.dts is not None or packet.pts is not None or packet.size:
                if placer is not None:
                    self.is_new_section = placer.place(cast("AvPacket", packet))
                yield cast("AvPacket", packet)

    def ticks(self, packet: AvPacket) -> int | None:
        """When a packet is shown or heard. AVI knows when it is decoded, and libavformat's guess of
        the other is wrong there."""
        if packet.pts is None or self.kind.container == "avi":
            return packet.dts
        return packet.pts

    def _open(self) -> InputContainer:
        if missing := describe_missing_data(self._file, self.kind):
            raise MediaError(self.name, "truncated", missing)
        self._file.seek(0)
        self._untouched, self._position = True, 0
        try:
            container: InputContainer = av.open(
                self._file,
                "r",
                format=self.kind.format,
                buffer_size=BUFFER_BYTES,
                metadata_errors="replace",
                io_open=_refuse_to_open,
                container_options={
                    "format_whitelist": DEMUXERS,
                    "codec_whitelist": ",".join(sorted(VIDEO_DECODERS | AUDIO_DECODERS)),
                    "protocol_whitelist": "file",
                },
                options={"max_pixels": str(self.max_pixels)},
            )
        except MemoryError:
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(self.name, "unreadable", f"it is not a readable {self.kind.container} file") from error
        return container

    def _pick_video(self) -> VideoStream | None:
        hidden = Disposition.attached_pic | Disposition.timed_thumbnails
        shown = [stream for stream in self.container.streams.video if not stream.disposition & hidden]
        stream = _preferred(shown)
        if stream is None:
            return None
        self._check_codec(stream, VIDEO_DECODERS)
        if stream.width * stream.height > self.max_pixels:
            raise TooLarge(
                f"{self.name}: frames of {stream.width} x {stream.height} pixels are larger than {self.max_pixels}, "
                "the most that is read (MM_MEDIA_PIXELS)."
            )
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        return stream

    def _pick_audio(self) -> AudioStream | None:
        stream = _preferred(list(self.container.streams.audio))
        if stream is not None:
            self._check_codec(stream, AUDIO_DECODERS)
        return stream

    def _check_codec(self, stream: VideoStream | AudioStream, accepted: frozenset[str]) -> None:
        codec = decoder_name(stream)
        if codec not in accepted:
            what = f"of the codec {codec}" if codec else "of an unknown codec"
            raise UnsupportedMedia(f"{self.name}: its {stream.type} is {what}, which is not accepted.")


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
    """Seconds a tick of the stream's time stamps."""
    assert stream.time_base is not None
    return stream.time_base


def seconds(ticks: int, stream: AvStream) -> Fraction:
    """A time stamp of a stream in seconds, exactly."""
    return ticks * time_base(stream)


def frame_seconds(stream: VideoStream) -> Fraction:
    """Mean time that a picture of the stream is shown."""
    return 1 / (stream.average_rate or stream.guessed_rate or FALLBACK_RATE)


def priming(stream: AvStream, container: str) -> int:
    """Samples in front of a sound that are an encoder's and that its container does not tell of."""
    return AVI_PRIMING.get(codec_name(stream), 0) if container == "avi" else 0


def shown_for(packet: AvPacket) -> Fraction:
    """Seconds that a packet is shown or heard, as far as the container tells."""
    ticks = packet.duration or 0
    length = seconds(ticks, packet.stream) if 0 < ticks < WRAPPED else Fraction(0)
    return frame_seconds(packet.stream) if not length and isinstance(packet.stream, VideoStream) else length


def _preferred(streams: Sequence[StreamT]) -> StreamT | None:
    """The stream marked as default, else the first."""
    marked = (stream for stream in streams if stream.disposition & Disposition.default)
    return next(marked, streams[0] if streams else None)


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError("a media file may not refer to other files")
