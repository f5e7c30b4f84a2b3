"""Start and end of a video or an audio file, from its frames and packets rather than its header."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.frame import VideoFrame

from mm.errors import MediaError
from mm.media.containers.streams import packet_seconds, priming_samples, to_seconds
from mm.media.decoding.pyav_decoder import decode_streams

if TYPE_CHECKING:
    from mm.media.containers.av_file import AvFile

TAIL_SECONDS = 5  # before the end in the header, from where on packets are read
READ_FULLY = frozenset({"mp3", "aac", "gif", "apng"})  # containers whose headers hold no duration, or an estimate
SAMPLE_COUNT = frozenset({"mp3", "flac"})  # containers with the number of samples: fewer means truncated
TRUNCATED_SECONDS = 1.0
MAX_AUDIO_DELAY = 10  # seconds after the first frame by which audio must begin to define the start


@dataclass(frozen=True, slots=True)
class Start:
    """First frame and start of a file; `origin` is in seconds of the container's time."""

    origin: Fraction
    frame: VideoFrame | None
    has_audio: bool


def find_start(media: AvFile) -> Start:
    """Decode until the first frame of each stream: the times in headers are often inaccurate.

    Raises `MediaError` when no frame can be decoded.
    """
    video_time = audio_time = None
    frame: VideoFrame | None = None
    is_late = False
    for time, decoded in decode_streams(media, *media.streams):
        if isinstance(decoded, VideoFrame):
            if frame is None:
                frame, video_time = decoded, time
        elif audio_time is None and media.audio is not None:
            audio_time = time + Fraction(priming_samples(media.audio, media.kind.container), decoded.sample_rate or 1)
        has_frame = media.video is None or frame is not None
        is_late = video_time is not None and time > video_time + MAX_AUDIO_DELAY
        if has_frame and (media.audio is None or audio_time is not None or is_late):
            break
    if media.video is not None and frame is None:
        raise MediaError(media.name, "unreadable", "none of its frames can be decoded")
    if media.video is None and audio_time is None:
        raise MediaError(media.name, "unreadable", "none of its audio can be decoded")
    times = [time for time in (video_time, audio_time) if time is not None]
    return Start(min(times), frame, media.audio is not None and (audio_time is not None or is_late))


def find_end(media: AvFile) -> Fraction:
    """Container time at which the last video or audio packet ends, in seconds.

    Raises `MediaError` when there are no packets, or far fewer than the header states.
    """
    header_end = _header_end(media)
    if header_end is not None and media.sections is None and media.kind.container not in READ_FULLY:
        stream = media.video or media.audio
        assert stream is not None
        end = _last_packet_end(media) if media.seek(header_end - TAIL_SECONDS, stream) else None
        if end is not None:
            _check_complete(media, header_end, end)
            return end
        media.rewind()
    end = _last_packet_end(media)
    if end is None:
        raise MediaError(media.name, "unreadable", "it has no packets")
    if header_end is not None:
        _check_complete(media, header_end, end)
    return end


def _header_end(media: AvFile) -> Fraction | None:
    container = media.container
    if container.duration is None or container.duration <= 0:
        return None
    return Fraction(container.duration + (container.start_time or 0), av.time_base)


def _check_complete(media: AvFile, header_end: Fraction, end: Fraction) -> None:
    missing = header_end - end
    if media.kind.container in SAMPLE_COUNT and missing > TRUNCATED_SECONDS:
        raise MediaError(media.name, "truncated", f"it is {float(missing):.1f} s shorter than its header states")


def _last_packet_end(media: AvFile) -> Fraction | None:
    """The latest end of a packet from the current position on."""
    end: Fraction | None = None
    for packet in media.packets(*media.streams):
        ticks = media.ticks(packet)
        if ticks is None or packet.is_discard:
            continue
        stop = to_seconds(ticks, packet.stream) + packet_seconds(packet)
        end = stop if end is None else max(end, stop)
    return end
