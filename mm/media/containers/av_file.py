"""An open container: accepted demuxers and decoders only, one file only, streams selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

import av
import av.error
from av.stream import Discard, Disposition

from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media.containers.file_types import ANIMATED_AVIF
from mm.media.containers.memory_estimate import THREADS
from mm.media.containers.mpegts_clock import find_discontinuities
from mm.media.containers.mpegts_sections import SectionTimestamps, map_sections
from mm.media.containers.streams import decoder_name, packet_seconds, preferred_stream, time_base
from mm.media.containers.truncation import describe_missing_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from types import TracebackType

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from mm.media.containers.file_types import FileType
    from mm.media.containers.mpegts_sections import SectionMap
    from mm.media.containers.streams import AvPacket, AvStream, StreamKind

DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,apng,wav,mp3,flac,ogg,aac"
VIDEO_DECODERS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "libdav1d", "gif", "apng", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
)
AUDIO_DECODERS = frozenset(
    {"aac", "mp3float", "mp3", "mp2float", "mp2", "flac", "vorbis", "opus", "libopus", "ac3", "eac3", "alac"}
    | {
        f"pcm_{sample}"
        for sample in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "u8", "f32le", "f64le", "alaw", "mulaw")
    }
)
BUFFER_BYTES = 1 << 17


class AvFile:
    """One open container. `video` and `audio` are the selected streams, None where there is none.

    `heartbeat` is called for each packet, so that a long decode is not taken for a stall.
    `sections` maps the timestamps of a concatenated MPEG-TS to one clock. Raises `MediaError`,
    `UnsupportedMedia` and `TooLarge` about the file `name`.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        kind: FileType,
        max_pixels: int,
        heartbeat: Callable[[], None],
        sections: SectionMap | None = None,
    ) -> None:
        self.name, self.kind, self.max_pixels = name, kind, max_pixels
        self.heartbeat, self.sections = heartbeat, sections
        self.is_new_section = False
        """Whether the last packet is the first of its stream in a new section: its decoder must be
        flushed."""
        self._file = file
        self.container = self._open()
        try:
            self.video = self._pick_video()
            self.audio = self._pick_audio()
            if self.video is None and self.audio is None:
                raise MediaError(name, "no-streams", "it has neither video nor audio")
        except BaseException:
            self.container.close()
            raise

    def rewind(self) -> None:
        """Reopen the container with a new demuxer and new decoders, unless nothing was read yet."""
        if self._is_unread:
            return
        self.container.close()
        self.container = self._open()
        self.video, self.audio = self._pick_video(), self._pick_audio()

    def find_sections(self) -> None:
        """Set `sections` if the file is a concatenated MPEG-TS; reads all of its packets."""
        streams = self.streams
        pids = frozenset(stream.id for stream in streams)
        self._is_unread = False
        discontinuities = find_discontinuities(self._file, pids, self.heartbeat)
        self.rewind()
        if discontinuities:
            packets = ((packet, packet_seconds(packet)) for packet in self.packets(*self.streams))
            self.sections = map_sections(discontinuities, packets)
            self.rewind()

    def __enter__(self) -> AvFile:
        return self

    def __exit__(self, cls: object, error: BaseException | None, trace: TracebackType | None) -> None:
        self.container.close()

    def seek(self, time: Fraction, stream: AvStream) -> bool:
        """Seek to a key frame of `stream` at or before `time`; return False where that fails.

        Some demuxers stop after `time`: check the first packet.
        """
        self._is_unread = False
        try:
            if self.sections is not None:
                return self._seek_in_sections(self.sections, time, stream)
            self.container.seek(round(time / time_base(stream)), stream=stream, backward=True)
        except (av.error.FFmpegError, OSError, OverflowError):
            return False
        return True

    def _seek_in_sections(self, sections: SectionMap, time: Fraction, stream: AvStream) -> bool:
        position = sections.find_position(stream.index, time)
        if position is None:
            return False
        self.container.seek(position, stream=stream, unsupported_byte_offset=True)
        self._position = position
        return True

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the selected streams and of the container, which has precedence."""
        tags: dict[str, str] = {}
        for source in (*reversed(self.streams), self.container):
            tags |= source.metadata
        return tags

    @property
    def streams(self) -> list[AvStream]:
        """The selected streams."""
        return [stream for stream in (self.video, self.audio) if stream is not None]

    def stream(self, kind: StreamKind) -> AvStream:
        """The selected stream of a kind that the file is known to have."""
        stream = self.video if kind == "video" else self.audio
        assert stream is not None
        return stream

    def packets(self, *streams: AvStream) -> Iterator[AvPacket]:
        """Packets of these streams from the current position on, without the empty last one."""
        self._is_unread = False
        for stream in self.container.streams:
            stream.discard = Discard.default if stream in streams else Discard.all
        demuxed = self.container.demux(*streams)
        timestamps = SectionTimestamps(self.sections, self._position) if self.sections is not None else None
        while True:
            self.heartbeat()
            try:
                packet = next(demuxed)
            except StopIteration:
                return
            except MemoryError:
                raise
            except (av.error.FFmpegError, OSError):
                return  # the rest of the file cannot be demuxed; the packets before it are used
            if packet.dts is not None or packet.pts is not None or packet.size:
                if timestamps is not None:
                    self.is_new_section = timestamps.rewrite(cast("AvPacket", packet))
                yield cast("AvPacket", packet)

    def ticks(self, packet: AvPacket) -> int | None:
        """Presentation time of a packet in ticks; its decoding time in AVI.

        libavformat guesses presentation times of AVI, and often wrongly.
        """
        if packet.pts is None or self.kind.container == "avi":
            return packet.dts
        return packet.pts

    def _open(self) -> InputContainer:
        if missing := describe_missing_data(self._file, self.kind):
            raise MediaError(self.name, "truncated", missing)
        self._file.seek(0)
        self._is_unread, self._position = True, 0
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
        if self.kind is ANIMATED_AVIF:  # its images that are no track are streams of one frame
            shown = [stream for stream in shown if stream.frames > 1]
        stream = preferred_stream(shown)
        if stream is None:
            return None
        self._check_codec(stream, VIDEO_DECODERS)
        if stream.width * stream.height > self.max_pixels:
            raise TooLarge(
                f"{self.name}: frames of {stream.width} x {stream.height} pixels exceed the limit of {self.max_pixels} pixels "
                "(MM_MEDIA_PIXELS)."
            )
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        return stream

    def _pick_audio(self) -> AudioStream | None:
        stream = preferred_stream(list(self.container.streams.audio))
        if stream is not None:
            self._check_codec(stream, AUDIO_DECODERS)
        return stream

    def _check_codec(self, stream: AvStream, accepted: frozenset[str]) -> None:
        codec = decoder_name(stream)
        if codec not in accepted:
            described = f"the codec {codec}" if codec else "an unknown codec"
            raise UnsupportedMedia(f"{self.name}: its {stream.type} uses {described}, which is not accepted.")


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError("a media file may not refer to other files")
