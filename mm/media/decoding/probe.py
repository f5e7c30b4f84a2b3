"""Probing: type, size, codecs, start and duration of a file, read once for all later requests."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from mm.errors import MediaError, TooLarge
from mm.media.capture.complete import complete
from mm.media.capture.container_tags import read_tags
from mm.media.capture.movie_xmp import find_packet
from mm.media.capture.xmp import read_xmp
from mm.media.containers.av_file import AvFile
from mm.media.containers.file_types import ANIMATED_AVIF, ANIMATED_GIF, ANIMATED_PNG, AVIF, GIF, MOV, MP4, MPEGTS, PNG
from mm.media.containers.memory_estimate import no_reserve, video_bytes
from mm.media.containers.sniff import detect_type
from mm.media.containers.streams import codec_name, frame_seconds
from mm.media.decoding.images.animated_webp import read_durations
from mm.media.decoding.images.still_image import StillImage
from mm.media.decoding.pyav_frame import FrameConverter, read_orientation
from mm.media.decoding.time_bounds import find_end, find_start
from mm.media.types import Capture, MediaInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.video.frame import VideoFrame

    from mm.media.containers.file_types import FileType
    from mm.media.containers.memory_estimate import Reserve
    from mm.media.containers.mpegts_sections import SectionMap
    from mm.media.types import Limits

ANIMATED_TYPES = {GIF: ANIMATED_GIF, PNG: ANIMATED_PNG, AVIF: ANIMATED_AVIF}
"""Image types with several frames, and the type that they are opened as; WebP stays its own."""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """`origin` is the container's time, in seconds, of the presentation's 0.

    `sections` is the map of a concatenated MPEG-TS. `image` is a large JPEG, decoded at a reduced
    scale.
    """

    kind: FileType
    info: MediaInfo
    origin: Fraction
    sections: SectionMap | None = None
    image: StillImage | None = None


def read_facts(
    file: BinaryIO, name: str, limits: Limits, heartbeat: Callable[[], None], reserve: Reserve = no_reserve
) -> MediaFacts:
    """Read the facts of a file: type, size, codecs, start and end.

    An image is decoded as a whole; of a video or an audio file, the first frame of each stream.
    Raises `MediaError`, `UnsupportedMedia` or `TooLarge`.
    """
    kind = detect_type(file, name)
    if kind.opened_by == "pillow":
        image = StillImage(file, name, kind, limits.pixels, reserve)
        if not image.is_animated:
            image.load()
            size = image.width, image.height
            names = kind.container, kind.content_type
            info = MediaInfo("image", *names, 0.0, *size, 0, 0.0, kind.container, "", image.capture())
            return MediaFacts(kind, info, Fraction(0), image=image if image.is_reduced else None)
        if kind not in ANIMATED_TYPES:
            return _read_animation_facts(file, name, kind, image, limits)
        kind = ANIMATED_TYPES[kind]
    return _read_timed_facts(file, name, kind, limits, heartbeat, reserve)


def _read_timed_facts(
    file: BinaryIO, name: str, kind: FileType, limits: Limits, heartbeat: Callable[[], None], reserve: Reserve
) -> MediaFacts:
    """Facts of a video or of an audio file."""
    with AvFile(file, name, kind, limits.pixels, heartbeat) as media:
        if media.video is not None:
            reserve(*video_bytes(media.video, codec_name(media.video)))
        if kind in {ANIMATED_GIF, ANIMATED_PNG}:
            _check_animation_pixels(media, limits)
        if kind is MPEGTS:
            media.find_sections()
        start = find_start(media)
        media.rewind()
        duration = find_end(media) - start.origin
        _check_duration(name, float(duration), limits)
        width, height, rotation = _displayed_size(media, start.frame)
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
            audio_codec=codec_name(media.audio) if start.has_audio else "",
            capture=_read_capture(file, kind, media, rotation),
        )
        return MediaFacts(kind, info, start.origin, media.sections)


def _read_capture(file: BinaryIO, kind: FileType, media: AvFile, rotation: int) -> Capture:
    """The tags of a container; what they lack is read from the XMP of a movie."""
    tags = read_tags(media.tags, rotation)
    return complete(tags, read_xmp(find_packet(file))) if kind in (MP4, MOV) else tags


def _read_animation_facts(file: BinaryIO, name: str, kind: FileType, image: StillImage, limits: Limits) -> MediaFacts:
    """Facts of an animated WebP, whose frames Pillow decodes; its first frame is decoded."""
    max_frames = limits.gif_pixels // (image.width * image.height)
    durations = read_durations(file, max_frames + 1)
    _check_total_pixels(name, image.width * image.height * len(durations), limits)
    if not durations:
        raise MediaError(name, "unreadable", "none of its frames can be found")
    _check_duration(name, sum(durations), limits)
    image.load()
    fps = len(durations) / sum(durations)
    size = image.width, image.height
    info = MediaInfo("video", kind.container, kind.content_type, sum(durations), *size, 0, fps, kind.container, "")
    return MediaFacts(kind, info, Fraction(0))


def _check_animation_pixels(media: AvFile, limits: Limits) -> None:
    """Raise `TooLarge` when the frames of an animated image have too many pixels in total.

    Each frame is drawn on all of those before it.
    """
    video = media.stream("video")
    assert media.video is not None
    per_frame, pixels = media.video.width * media.video.height, 0
    for _ in media.packets(video):
        pixels += per_frame
        _check_total_pixels(media.name, pixels, limits)
    media.rewind()


def _check_total_pixels(name: str, pixels: int, limits: Limits) -> None:
    if pixels > limits.gif_pixels:
        raise TooLarge(
            f"{name}: its frames together exceed the limit of {limits.gif_pixels:,} pixels for an animated image "
            "(MM_MEDIA_GIF_PIXELS)."
        )


def _check_duration(name: str, seconds: float, limits: Limits) -> None:
    if seconds > limits.duration:
        raise TooLarge(f"{name}: a duration of {seconds:.0f} s exceeds the limit of {limits.duration:.0f} s (MM_MEDIA_SECONDS).")


def _displayed_size(media: AvFile, frame: VideoFrame | None) -> tuple[int, int, int]:
    """Width and height as shown, and the clockwise rotation in degrees."""
    if media.video is None or frame is None:
        return 0, 0, 0
    width, height = FrameConverter(media.name, media.max_pixels, media.video.sample_aspect_ratio).size(frame)
    turns = read_orientation(frame).quarter_turns
    return (height, width, turns * 90) if turns % 2 else (width, height, turns * 90)


def _content_type(kind: FileType, has_video: bool) -> str:
    """MIME type of the file: a video container may hold audio only, and the other way round."""
    if has_video:
        return kind.content_type.replace("audio/", "video/")
    return kind.content_type.replace("video/quicktime", "audio/mp4").replace("video/", "audio/")
