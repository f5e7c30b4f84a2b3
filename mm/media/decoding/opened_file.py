"""Requests of `MediaReader` about one file, as a decoding child executes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import TYPE_CHECKING, BinaryIO

from mm.errors import MediaError, UnsupportedMedia
from mm.media.containers.av_file import AvFile
from mm.media.containers.file_types import WEBP
from mm.media.containers.memory_estimate import no_reserve, video_bytes
from mm.media.containers.streams import codec_name, to_seconds
from mm.media.decoding import audio
from mm.media.decoding.frame_skipping import max_delay_at
from mm.media.decoding.images.animated_webp import WebpDecoder
from mm.media.decoding.images.still_image import StillImage
from mm.media.decoding.key_frame import decode_key_frame
from mm.media.decoding.live_stream import decode_live
from mm.media.decoding.probe import MediaFacts, read_facts
from mm.media.decoding.pyav_decoder import PyavDecoder
from mm.media.decoding.sampling import EPSILON, sample_frames
from mm.media.types import RGB, Frame, Limits, MediaInfo, Span, Waveform

if TYPE_CHECKING:
    from mm.media.containers.memory_estimate import Reserve
    from mm.media.decoding.clip import ClipTimes
    from mm.media.decoding.decoder import Decoder


class FactsCache:
    """Facts of the file that was requested last, until its bytes change."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._facts: MediaFacts | None = None

    def get(self, file: BinaryIO, read: Callable[[], MediaFacts]) -> MediaFacts:
        """Return the cached facts of `file`, else those that `read` returns."""
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._facts is None or key != self._key:
            self._facts, self._key = read(), key
        return self._facts


@dataclass
class OpenedFile:
    """An open file and the requests about it.

    `decoder` is the value of MM_DECODER. `heartbeat` is called while decoding goes on, `reserve`
    before a large allocation. All methods raise `MediaError`, `UnsupportedMedia` or `TooLarge`.
    """

    file: BinaryIO
    name: str
    limits: Limits
    decoder: str
    heartbeat: Callable[[], None]
    cache: FactsCache
    reserve: Reserve = no_reserve

    @cached_property
    def facts(self) -> MediaFacts:
        return self.cache.get(self.file, lambda: read_facts(self.file, self.name, self.limits, self.heartbeat, self.reserve))

    def probe(self) -> MediaInfo:
        return self.facts.info

    def image(self, longest: int | None) -> RGB:
        if self.facts.info.kind == "image":
            image = self.facts.image
            if image is None or not image.is_decoded_for(longest):
                image = self._open_image()
            return image.rgb(longest)
        return self.frame_at(0.0, longest)

    def frame_at(self, time: float, longest: int | None) -> RGB:
        if self.facts.info.kind == "image":
            return self.image(longest)
        with self._open_decoder() as decoder:
            shown = None
            for frame in decoder.frames(time):
                if shown is not None and frame.time > time:
                    break
                shown = frame
            assert shown is not None
            return shown.rgb(longest)

    def thumbnail(self, time: float, longest: int | None) -> RGB:
        if self.facts.info.kind == "image":
            return self.image(longest)
        if self._is_webp:
            return self.frame_at(time, longest)
        with self._open_video() as media:
            return decode_key_frame(media, self.facts.origin, time, longest)

    def keyframes(self) -> list[float]:
        if self.facts.info.kind == "image":
            return []
        if self._is_webp:
            return [0.0]
        with self._open_video() as media:
            times, video = [], media.stream("video")
            for packet in media.packets(video):
                ticks = media.ticks(packet)
                if packet.is_keyframe and not packet.is_discard and ticks is not None:
                    times.append(float(to_seconds(ticks, video) - self.facts.origin))
            return sorted(time for time in times if time >= 0)

    def frames(self, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        if self.facts.info.kind == "image":
            yield Frame(span.start, self.image(longest), False, span.start)
            return
        with self._open_decoder(max_delay_at(fps)) as decoder:
            info = self.facts.info
            yield from sample_frames(decoder, span, info.duration, fps, longest, 1 / info.fps if info.fps else 0.0)

    def every_frame(self, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        """Every frame shown in [start, end), the first of each interval of 1 / `fps` seconds.

        Intervals count from 0 on the presentation clock: any start gives the same frames. Repeated
        frames are included, shots are not detected and no frame is skipped.
        """
        if self.facts.info.kind == "image":
            yield Frame(span.start, self.image(longest), False, span.start)
            return
        with self._open_decoder(is_plain=True) as decoder:
            last_tick: int | None = None
            for frame in decoder.frames(span.start):
                tick = floor(frame.time * fps + EPSILON)
                if frame.time >= span.end:
                    return
                if frame.time >= span.start and tick != last_tick:
                    yield Frame(frame.time, frame.rgb(longest), False, span.start)
                last_tick = tick

    def live(self, codec: str, longest: int | None) -> Iterator[Frame]:
        """Frames of a live stream; the file is a pipe, see `mm.media.live`."""
        return decode_live(self.file, self.name, codec, self.limits.pixels, longest, self.heartbeat)

    def waveform(self, span: Span, rate: int) -> Iterator[Waveform]:
        if not self.facts.info.has_audio:
            raise MediaError(self.name, "no-streams", "it has no audio")
        with self._open() as media:
            yield from audio.decode_waveform(media, self.facts.origin, span, rate)

    def clip(self, span: Span, exact: bool) -> tuple[ClipTimes, Iterator[bytes]]:
        """The clip of a time range and its bytes in blocks; see `mm.media.decoding.clip`."""
        from mm.media.decoding.clip import cut_clip  # it loads encoders

        info = self.facts.info
        if info.kind == "image" or self._is_webp:
            raise UnsupportedMedia(f"{self.name}: clips are cut from videos and sounds, not from images and animated WebP.")
        span = Span(span.start, min(span.end, info.duration))
        if span.length <= 0:
            raise MediaError(self.name, "no-streams", f"the time range begins after its end at {info.duration:.3f} s")
        return cut_clip(self._open_video if info.has_video else self._open, self.facts.origin, span, is_exact=exact)

    @property
    def _is_webp(self) -> bool:
        """Whether it is an animated WebP, which libav does not decode."""
        return self.facts.kind is WEBP and self.facts.info.kind == "video"

    @contextmanager
    def _open_decoder(self, max_delay: float = 0.0, *, is_plain: bool = False) -> Iterator[Decoder]:
        """Open the video and its decoder; `is_plain` is PyAV without skipped frames."""
        if self._is_webp:
            max_frames = self.limits.gif_pixels // (self.facts.info.width * self.facts.info.height)
            yield WebpDecoder(self._open_image, self.file, self.name, max_frames, self.heartbeat)
            return
        with self._open_video() as media:
            yield PyavDecoder(media, self.facts.origin) if is_plain else self._decoder(media, max_delay)

    def _open_image(self) -> StillImage:
        return StillImage(self.file, self.name, self.facts.kind, self.limits.pixels, self.reserve)

    def _open(self) -> AvFile:
        return AvFile(self.file, self.name, self.facts.kind, self.limits.pixels, self.heartbeat, self.facts.sections)

    def _open_video(self) -> AvFile:
        if not self.facts.info.has_video:
            raise MediaError(self.name, "no-streams", "it has no video")
        media = self._open()
        try:
            if media.video is not None:
                self.reserve(*video_bytes(media.video, codec_name(media.video)))
        except BaseException:
            media.container.close()
            raise
        return media

    def _decoder(self, media: AvFile, max_delay: float = 0.0) -> Decoder:
        """The decoder that `MM_DECODER` names.

        `auto` is PyAV and may skip frames that another one follows within `max_delay` seconds;
        `pyav` skips none. decord is never chosen automatically, only by name; it raises
        `MediaError` on a video that it does not decode exactly. See docs/decisions/0003-decoder.md.
        """
        if self.decoder == "decord":
            from mm.media.decoding.decord_decoder import DecordDecoder

            return DecordDecoder(media, self.facts, self.file)
        return PyavDecoder(media, self.facts.origin, max_delay if self.decoder == "auto" else 0.0)
