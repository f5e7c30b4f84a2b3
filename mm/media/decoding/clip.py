"""Clips: a time range of a file, copied packet by packet or encoded again exactly.

The output is a stream that is never sought: fragmented MP4 (ISO/IEC 14496-12, 8.8), Matroska, Ogg
or MP3, or samples of 16 bits. Times are seconds on the presentation clock of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, cast

import av
import numpy as np

from mm.errors import MediaError, UnsupportedMedia
from mm.media.containers.streams import codec_name, frame_seconds, packet_seconds, time_base, to_seconds
from mm.media.decoding.audio import CHANNELS, Layout, decode_channels
from mm.media.decoding.pyav_decoder import NEVER_SEEK, SEEK_MARGINS, PyavDecoder, seek
from mm.media.decoding.sampling import EPSILON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.frame import VideoFrame

    from mm.media.containers.av_file import AvFile
    from mm.media.containers.streams import AvPacket, AvStream, StreamKind
    from mm.media.decoding.pyav_frame import PyavFrame
    from mm.media.types import RGB, Span, Waveform

MP4_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"})
MP4_AUDIO = frozenset({"", "aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
SOUND_CONTAINERS = {"mp3": "mp3", "vorbis": "ogg", "opus": "ogg", "aac": "mp4", "alac": "mp4", "ac3": "mp4"}
"""Container of a copied sound by its codec. Others are decoded: PCM, and FLAC, whose header states
the length of the whole file."""
SUFFIXES = {"mp4": "mp4", "matroska": "mkv", "mp3": "mp3", "ogg": "ogg"}
FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof", "fflags": "+bitexact"}
TICKS = 90_000
"""Ticks per second of encoded frames: the clock of MPEG, in which common rates are whole."""
ENCODING = {"preset": "veryfast", "crf": "18", "threads": "1", "bf": "0"}
TOLERANCE = 0.0015
"""Seconds by which the time of a frame may differ from that of a range: containers round to ticks,
at most of a millisecond."""
AUDIO_RATES = frozenset({48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000})
ENCODED_RATE = 48_000


@dataclass
class ClipTimes:
    """What a clip contains, complete when it has been written."""

    suffix: str
    start: float = 0.0
    """Of the first frame or sample."""
    end: float = 0.0
    """Of the last frame or sample."""
    samples: tuple[int, int] | None = None
    """Rate and channels of a sound that is sent as samples."""


@dataclass
class _Buffer:
    """A file that only appends; its contents are taken as they are written."""

    parts: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self.parts)
        self.parts.clear()
        return data


def cut_clip(
    open_file: Callable[[], AvFile], origin: Fraction, span: Span, *, is_exact: bool
) -> tuple[ClipTimes, Iterator[bytes]]:
    """What the clip of `span` will contain, and its bytes in blocks; the times are set at the end.

    Without `is_exact`, packets are copied from the last key frame at or before the start, to the
    end. With it, a video has the frames that are shown in the range, cut where it begins and
    ends, and sounds are cut at samples. `origin` is the container's time of 0.

    Raises `UnsupportedMedia` for a video that cannot be copied, `MediaError` if nothing is decoded.
    """
    media = open_file()
    try:
        if media.video is None:
            container = None if is_exact else SOUND_CONTAINERS.get(codec_name(media.audio))
            if container is None:
                times = ClipTimes("wav")
                return times, _closing(media, _write_samples(media, origin, span, times))
            times = ClipTimes("m4a" if container == "mp4" else SUFFIXES[container])
            return times, _closing(media, _copy(media, origin, span, times, container))
        if is_exact:
            times = ClipTimes("mp4")
            sound = None if media.audio is None else open_file()
            return times, _closing(media, _encode(media, sound, origin, span, times))
        if media.kind.container in NEVER_SEEK or media.kind.container == "avi" or media.sections is not None:
            raise UnsupportedMedia(
                f"{media.name}: a {media.kind.container} file of this kind cannot be cut without encoding it again; request an "
                "exact clip."
            )
        is_mp4 = codec_name(media.video) in MP4_VIDEO and codec_name(media.audio) in MP4_AUDIO
        container = "mp4" if is_mp4 else "matroska"
        times = ClipTimes(SUFFIXES[container])
        return times, _closing(media, _copy(media, origin, span, times, container))
    except BaseException:
        media.container.close()
        raise


def _closing(media: AvFile, blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    finally:
        media.container.close()


def _open_output(buffer: _Buffer, container: str) -> OutputContainer:
    options = FRAGMENTED if container == "mp4" else {"fflags": "+bitexact"}
    output: OutputContainer = av.open(cast("str", buffer), "w", format=container, options=options)
    return output


def _copy(media: AvFile, origin: Fraction, span: Span, times: ClipTimes, container: str) -> Iterator[bytes]:
    """Copy the packets of a time range, with their times from 0 on."""
    buffer = _Buffer()
    lead = media.stream("video" if media.video is not None else "audio")
    first: Fraction | None = None
    end = Fraction(0)
    with _open_output(buffer, container) as output:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in media.streams}
        waiting: list[AvPacket] = []
        for packet in _packets_from(media, origin, span.start):
            ticks = media.ticks(packet)
            if ticks is None or packet.is_discard:
                continue
            time = to_seconds(ticks, packet.stream) - origin
            if packet.stream.index == lead.index:
                if end >= span.end and time + packet_seconds(packet) > end:  # not shown before a copied frame
                    break
                if first is None:
                    if not packet.is_keyframe:
                        continue
                    first = time
                if time < first:  # shown before the key frame, and decoded from earlier frames
                    continue
                end = max(end, time + packet_seconds(packet))
            if first is None:
                waiting.append(packet)
                continue
            for ready in (*waiting, packet):
                _mux(output, media, ready, copies[ready.stream.index], origin + first, origin + Fraction(span.end))
            waiting.clear()
            if data := buffer.take():
                yield data
    if first is None:
        raise MediaError(media.name, "unreadable", "it has no key frame at or before the end of the time range")
    times.start, times.end = float(first), float(end)
    yield buffer.take()


def _packets_from(media: AvFile, origin: Fraction, start: float) -> Iterator[AvPacket]:
    """Packets from the last key frame at or before `start` on, with sound that is played then."""
    kind: StreamKind = "video" if media.video is not None else "audio"
    for margin in SEEK_MARGINS:
        if not seek(media, kind, origin + Fraction(start) - margin):
            break
        packets = media.packets(*media.streams)
        head: list[AvPacket] = []
        for packet in packets:
            head.append(packet)
            if (time := _key_time(media, packet, kind)) is not None:
                if float(time - origin) <= start + EPSILON:
                    yield from _from_last_key(media, kind, origin, start, chain(head, packets))
                    return
                break
    media.rewind()
    yield from _from_last_key(media, kind, origin, start, media.packets(*media.streams))


def _from_last_key(
    media: AvFile, kind: StreamKind, origin: Fraction, start: float, packets: Iterator[AvPacket]
) -> Iterator[AvPacket]:
    """Packets without those before the last key frame at or before `start`."""
    held: list[AvPacket] = []
    for packet in packets:
        time = _key_time(media, packet, kind)
        if time is not None and float(time - origin) <= start + EPSILON:
            held = [other for other in held if other.stream.type != kind and _ends_after(media, other, time)]
        held.append(packet)
        decoded = packet.dts if packet.dts is not None else media.ticks(packet)
        is_lead = packet.stream.type == kind and decoded is not None
        if is_lead and decoded is not None and float(to_seconds(decoded, packet.stream) - origin) > start:
            break
    yield from held
    yield from packets


def _key_time(media: AvFile, packet: AvPacket, kind: StreamKind) -> Fraction | None:
    """Time of a key packet of the stream that is cut; None of another packet."""
    ticks = media.ticks(packet)
    is_key = packet.stream.type == kind and packet.is_keyframe and not packet.is_discard
    return to_seconds(ticks, packet.stream) if is_key and ticks is not None else None


def _ends_after(media: AvFile, packet: AvPacket, time: Fraction) -> bool:
    ticks = media.ticks(packet)
    return ticks is not None and to_seconds(ticks, packet.stream) + packet_seconds(packet) > time


def _mux(output: OutputContainer, media: AvFile, packet: AvPacket, copy: AvStream, zero: Fraction, end: Fraction) -> None:
    """Write a packet with times from `zero` on; a sound before it or after `end` is left out."""
    stream = packet.stream
    ticks = media.ticks(packet)
    if ticks is None:
        return
    time = to_seconds(ticks, stream)
    if stream.type == "audio" and not zero <= time < end:
        return
    offset = round(zero / time_base(stream))
    packet.pts = ticks - offset
    packet.dts = None if packet.dts is None else packet.dts - offset
    packet.stream = copy
    output.mux(packet)


def _encode(media: AvFile, sound: AvFile | None, origin: Fraction, span: Span, times: ClipTimes) -> Iterator[bytes]:
    """Encode the frames of a time range in H.264, upright, and its sound in AAC."""
    buffer = _Buffer()
    assert media.video is not None
    mean = frame_seconds(media.video)
    try:
        frames = _list_frames(PyavDecoder(media, origin).frames(span.start), span, float(mean))
        head = next(frames, None)
        if head is None:
            raise MediaError(media.name, "no-streams", "it has no frame in this time range")
        height, width = _even(head[0].rgb(None)).shape[:2]
        with _open_output(buffer, "mp4") as output:
            video = output.add_stream("libx264", rate=1 / mean, options=dict(ENCODING))
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            video.codec_context.time_base = Fraction(1, TICKS)
            audio = _SoundEncoder.open(output, sound, origin, span)
            times.start = head[1]
            for frame, start, end in chain([head], frames):
                picture = _picture(frame, width, height)
                picture.pts, picture.time_base = round((start - span.start) * TICKS), Fraction(1, TICKS)
                picture.duration = max(1, round((end - start) * TICKS))
                output.mux(video.encode(picture))
                times.end = end
                if audio is not None:
                    audio.encode_until(end - span.start)
                if data := buffer.take():
                    yield data
            output.mux(video.encode(None))
            if audio is not None:
                audio.finish()
        yield buffer.take()
    finally:
        if sound is not None:
            sound.container.close()


def _list_frames(frames: Iterator[PyavFrame], span: Span, mean: float) -> Iterator[tuple[PyavFrame, float, float]]:
    """The frames that are shown in a time range, each with the part of it in which it is shown.

    The last frame of a file is shown for `mean` seconds.
    """
    current: PyavFrame | None = None
    for frame in frames:
        if current is not None and frame.time > span.start + TOLERANCE:
            yield current, max(current.time, span.start), min(frame.time, span.end)
        if frame.time >= span.end - TOLERANCE:
            return
        current = frame
    if current is not None:
        start = max(current.time, span.start)
        yield current, start, min(start + mean, span.end)


def _even(image: RGB) -> RGB:
    """The image without the last row or column of an odd side, as chroma needs; at least 2 x 2."""
    height, width = image.shape[:2]
    if min(height, width) < 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height - height % 2, : width - width % 2])


@dataclass
class _SoundEncoder:
    """Encodes the sound of a time range in AAC, block by block."""

    output: OutputContainer
    stream: AudioStream
    rate: int
    layout: Layout
    blocks: Iterator[Waveform]
    num_encoded: int = 0

    @classmethod
    def open(cls, output: OutputContainer, media: AvFile | None, origin: Fraction, span: Span) -> _SoundEncoder | None:
        """Add a stream for the sound of `media`; None without a sound."""
        if media is None or media.audio is None:
            return None
        layout = _layout_of(media)
        rate, blocks = decode_channels(media, origin, span, layout)
        stream = output.add_stream("aac", rate=rate if rate in AUDIO_RATES else ENCODED_RATE)
        stream.codec_context.layout = layout
        return cls(output, stream, rate, layout, blocks)

    def encode_until(self, seconds: float) -> None:
        """Encode the samples up to `seconds` of the clip, in whole blocks."""
        while self.num_encoded < seconds * self.rate and (block := next(self.blocks, None)) is not None:
            planes = np.ascontiguousarray(block.reshape(len(block), CHANNELS[self.layout]).T)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self.layout)
            frame.sample_rate, frame.pts, frame.time_base = self.rate, self.num_encoded, Fraction(1, self.rate)
            self.num_encoded += len(block)
            self.output.mux(self.stream.encode(frame))

    def finish(self) -> None:
        """Encode the rest."""
        self.encode_until(float("inf"))
        self.output.mux(self.stream.encode(None))


def _picture(frame: PyavFrame, width: int, height: int) -> VideoFrame:
    """A frame for the encoder; one of another size than the first is scaled to it."""
    picture = av.VideoFrame.from_ndarray(_even(frame.rgb(None)), format="rgb24")
    scaled: VideoFrame = picture.reformat(width=width, height=height, format="yuv420p")
    return scaled


def _layout_of(media: AvFile) -> Layout:
    return "mono" if media.audio is None or media.audio.channels == 1 else "stereo"


def _write_samples(media: AvFile, origin: Fraction, span: Span, times: ClipTimes) -> Iterator[bytes]:
    """The sound of a time range as little-endian samples of 16 bits, channels interleaved."""
    layout = _layout_of(media)
    rate, blocks = decode_channels(media, origin, span, layout)
    times.samples = (rate, CHANNELS[layout])
    count = 0
    for block in blocks:
        count += len(block)
        yield np.round(np.clip(block, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    times.start = round(span.start * rate) / rate
    times.end = times.start + count / rate
