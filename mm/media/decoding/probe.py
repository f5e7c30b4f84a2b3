"""What a file is, when it starts and when it ends: `MediaFacts`, found once and used by every later
request."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import av
from av.video.frame import VideoFrame

from mm.errors import MediaError, TooLarge, UnsupportedMedia
from mm.media.containers import sniff
from mm.media.containers.av_file import AvFile, codec_name, frame_seconds, priming, seconds, shown_for
from mm.media.containers.memory_estimate import no_reserve, video_bytes
from mm.media.decoding.pyav_decoder import decode_frames
from mm.media.decoding.pyav_frame import FrameConverter, orientation
from mm.media.decoding.still_image import StillImage
from mm.media.types import MediaInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.containers.memory_estimate import Reserve
    from mm.media.containers.mpegts_sections import SectionMap
    from mm.media.containers.sniff import FileType
    from mm.media.types import Limits

TAIL_SECONDS = 5  # in front of the end that the header names; from there on packets are counted
READ_WHOLE = frozenset({"mp3", "aac", "gif"})  # their headers guess or keep silent
COUNTED = frozenset({"mp3", "flac"})  # headers that name the number of samples: fewer means truncated
TRUNCATED_SECONDS = 1.0
LATE_SECONDS = 10  # sound that has not begun this long after the first picture does not begin before it


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`origin` is the container's time, in seconds, of the presentation's 0; `joined` tells where
    its clock starts anew.

    `still` is a large JPEG, decoded small.
    """

    kind: FileType
    info: MediaInfo
    origin: Fraction
    joined: SectionMap | None = None
    still: StillImage | None = None


def detect_type(file: BinaryIO, name: str) -> FileType:
    """Raises `MediaError` for an empty file, `UnsupportedMedia` for bytes of no accepted type."""
    file.seek(0)
    head = file.read(sniff.HEAD_BYTES)
    if not head:
        raise MediaError(name, "empty", "the file has no bytes")
    file.seek(sniff.id3_tag_size(head))
    kind = sniff.sniff(head, file.read(sniff.HEAD_BYTES))
    if kind is None:
        raise UnsupportedMedia(f"{name}: this is {sniff.guess(head)}, not a picture, video or sound of an accepted type.")
    return kind


def read_facts(file: BinaryIO, name: str, limits: Limits, alive: Callable[[], None], reserve: Reserve = no_reserve) -> MediaFacts:
    """Look at a file: type, size, codecs, first frame and first sound, end.

    A still picture is decoded as a whole. Raises `MediaError`, `UnsupportedMedia` or `TooLarge`.
    """
    kind = detect_type(file, name)
    if kind.opened_by == "pillow":
        still = StillImage(file, name, kind, limits.pixels, reserve)
        if not still.animated:
            still.load()
            size = still.width, still.height
            info = MediaInfo("image", kind.container, kind.content_type, 0.0, *size, 0, 0.0, kind.container, "")
            return MediaFacts(kind, info, Fraction(0), still=still if still.is_small else None)
        kind = sniff.ANIMATED_GIF
    return _facts_of_time(file, name, kind, limits, alive, reserve)


def _facts_of_time(
    file: BinaryIO, name: str, kind: FileType, limits: Limits, alive: Callable[[], None], reserve: Reserve
) -> MediaFacts:
    """Facts of a video or of an audio file."""
    with AvFile(file, name, kind, limits.pixels, alive) as media:
        if media.video is not None:
            reserve(*video_bytes(media.video, codec_name(media.video)))
        if kind is sniff.ANIMATED_GIF:
            _refuse_many_pixels(media, limits)
        if kind is sniff.MPEGTS:
            media.find_sections()
        start = _find_start(media)
        media.rewind()
        duration = _find_end(media) - start.origin
        if duration > limits.duration:
            raise TooLarge(
                f"{name}: {float(duration):.0f} s are longer than {limits.duration:.0f} s, "
                "the most that is read (MM_MEDIA_SECONDS)."
            )
        width, height, rotation = _shown(media, start.picture)
        video = media.video
        info = MediaInfo(
            kind="audio" if video is None else "video",
            container=kind.container,
            content_type=_content_type(kind, video is not None),
            duration=max(float(duration), 0.0),
            width=width,
            height=height,
            rotation=rotation,
            fps=0.0 if video is None else float(1 / frame_seconds(video)),
            video_codec=codec_name(video),
            audio_codec=codec_name(media.audio) if start.has_sound else "",
        )
        return MediaFacts(kind, info, start.origin, media.joined)


def _refuse_many_pixels(media: AvFile, limits: Limits) -> None:
    """Raises `TooLarge` when the frames of a GIF have too many pixels together: each is painted on
    all of those before it."""
    video = media.stream("video")
    assert media.video is not None
    each, pixels = media.video.width * media.video.height, 0
    for _ in media.packets(video):
        pixels += each
        if pixels > limits.gif_pixels:
            raise TooLarge(
                f"{media.name}: its frames have more than {limits.gif_pixels:,} pixels together, the most that is read of a GIF "
                "(MM_MEDIA_GIF_PIXELS)."
            )
    media.rewind()


def _shown(media: AvFile, picture: VideoFrame | None) -> tuple[int, int, int]:
    """Width and height as shown, and the turn clockwise in degrees."""
    if media.video is None or picture is None:
        return 0, 0, 0
    width, height = FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio).size(picture)
    turns, _ = orientation(picture)
    return (height, width, turns * 90) if turns % 2 else (width, height, turns * 90)


def _content_type(kind: FileType, has_video: bool) -> str:
    """MIME type of the file: a container of films may hold nothing but sound, and the other way
    round."""
    if has_video:
        return kind.content_type.replace("audio/", "video/")
    return kind.content_type.replace("video/quicktime", "audio/mp4").replace("video/", "audio/")


@dataclass(frozen=True, slots=True)
class _Start:
    origin: Fraction
    picture: VideoFrame | None
    has_sound: bool


def _find_start(media: AvFile) -> _Start:
    """Decode until the first picture and the first sound are there: what a header says of them is
    often a little wrong."""
    picture_time = sound_time = None
    picture: VideoFrame | None = None
    late = False
    for time, frame in decode_frames(media, *media.streams):
        if isinstance(frame, VideoFrame):
            if picture is None:
                picture, picture_time = frame, time
        elif sound_time is None and media.audio is not None:
            sound_time = time + Fraction(priming(media.audio, media.kind.container), frame.sample_rate or 1)
        found_picture = media.video is None or picture is not None
        late = picture_time is not None and time > picture_time + LATE_SECONDS
        if found_picture and (media.audio is None or sound_time is not None or late):
            break
    if media.video is not None and picture is None:
        raise MediaError(media.name, "unreadable", "none of its frames can be decoded")
    if media.video is None and sound_time is None:
        raise MediaError(media.name, "unreadable", "none of its sound can be decoded")
    times = [time for time in (picture_time, sound_time) if time is not None]
    return _Start(min(times), picture, media.audio is not None and (sound_time is not None or late))


def _find_end(media: AvFile) -> Fraction:
    """Container time at which the last picture or sound ends, from the packets themselves."""
    told = _told_end(media)
    if told is not None and media.joined is None and media.kind.container not in READ_WHOLE:
        stream = media.video or media.audio
        assert stream is not None
        end = _last_end(media) if media.seek(told - TAIL_SECONDS, stream) else None
        if end is not None:
            return _not_truncated(media, told, end)
        media.rewind()
    end = _last_end(media)
    if end is None:
        raise MediaError(media.name, "unreadable", "it holds no packets")
    return end if told is None else _not_truncated(media, told, end)


def _told_end(media: AvFile) -> Fraction | None:
    container = media.container
    if container.duration is None or container.duration <= 0:
        return None
    return Fraction(container.duration + (container.start_time or 0), av.time_base)


def _not_truncated(media: AvFile, told: Fraction, end: Fraction) -> Fraction:
    if media.kind.container in COUNTED and told - end > TRUNCATED_SECONDS:
        raise MediaError(media.name, "truncated", f"its header promises {float(told - end):.1f} s more than there are")
    return end


def _last_end(media: AvFile) -> Fraction | None:
    end: Fraction | None = None
    for packet in media.packets(*media.streams):
        ticks = media.ticks(packet)
        if ticks is None or packet.is_discard:
            continue
        stop = seconds(ticks, packet.stream) + shown_for(packet)
        end = stop if end is None else max(end, stop)
    return end
