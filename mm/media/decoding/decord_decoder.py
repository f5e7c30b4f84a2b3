"""decord, only where it is proven exact. See docs/decisions/0003-decoder.md.

It numbers frames and knows no clock: its frame n is taken to be that of the n-th packet in the
order of presentation. That holds for H.264 at one rate in MP4, from time 0, without an edit list,
in closed groups; everything else is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from mm.errors import MediaError, Unavailable
from mm.media.containers.av_file import codec_name, time_base
from mm.media.decoding.decoder import SIGNATURE_SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.containers.av_file import AvFile
    from mm.media.decoding.decoder import Signature
    from mm.media.decoding.probe import MediaFacts
    from mm.media.types import RGB

JITTER = 1  # ticks that a time stamp may be off by rounding


class DecordDecoder:
    """Frames of an MP4. Raises `MediaError` (`unsupported`) for a film it is not exact on,
    `Unavailable` where it is missing."""

    def __init__(self, media: AvFile, facts: MediaFacts, file: BinaryIO) -> None:
        self._times = exact_times(media, facts)
        load()
        import decord

        file.seek(0)
        try:
            self._film = decord.VideoReader(file)  # which it reads as a whole: opening it by name is what the sandbox forbids
        except (RuntimeError, OSError) as error:
            raise _not_exact(media.name, "it cannot open it") from error
        if len(self._film) != len(self._times):
            raise _not_exact(media.name, "it counts another number of frames")

    def frames(self, start: float) -> Iterator[DecordFrame]:
        first = max(bisect_right(self._times, start) - 1, 0)
        for number in range(first, len(self._times)):
            yield DecordFrame(self._times[number], self._film[number].asnumpy())


def load() -> None:
    """Raises `Unavailable` where decord is not installed."""
    try:
        import decord  # noqa: F401
    except ImportError as error:
        raise Unavailable("MM_DECODER is decord, but decord is not installed: set it to auto.") from error


class DecordFrame:
    """A `DecodedFrame` that is RGB from the start."""

    def __init__(self, time: float, picture: RGB) -> None:
        self.time, self._picture = time, picture

    @cached_property
    def signature(self) -> Signature:
        small = Image.fromarray(self._picture).convert("YCbCr").resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.int16).transpose(2, 0, 1)

    def rgb(self, longest: int | None) -> RGB:
        image = Image.fromarray(self._picture)
        if longest is not None and max(image.size) > longest:
            image.thumbnail((longest, longest), Image.Resampling.BOX)
        return np.asarray(image)


def exact_times(media: AvFile, facts: MediaFacts) -> list[float]:
    """Times of all frames of a film that decord reads exactly, on the presentation clock. Raises
    `MediaError` for any other."""
    name, video = media.name, media.video
    if video is None or media.kind.format != "mov" or codec_name(video) != "h264":
        raise _not_exact(name, "it is not H.264 in MP4")
    if facts.info.rotation or (video.sample_aspect_ratio or 1) != 1 or video.pix_fmt not in {"yuv420p", "yuvj420p"}:
        raise _not_exact(name, "its pictures are rotated, not square in their pixels, or not 4:2:0 of 8 bits")
    tick = time_base(video)
    packets = [(packet.pts, packet.is_keyframe, packet.is_discard) for packet in media.packets(video)]
    ticks = sorted(pts for pts, _, _ in packets if pts is not None)
    if len(ticks) < len(packets) or not ticks or any(discard for _, _, discard in packets):
        raise _not_exact(name, "it has an edit list")
    if ticks[0] != 0:
        raise _not_exact(name, "its first picture is not at time 0")
    step = Fraction(ticks[-1], max(len(ticks) - 1, 1))
    if any(abs(count - number * step) > JITTER for number, count in enumerate(ticks)):
        raise _not_exact(name, "its frame rate varies")
    group = 0
    for pts, is_keyframe, _ in packets:
        group = pts if is_keyframe and pts is not None else group
        if pts is not None and pts < group:
            raise _not_exact(name, "its groups of pictures are open")
    return [float(count * tick - facts.origin) for count in ticks]


def _not_exact(name: str, why: str) -> MediaError:
    return MediaError(name, "unsupported", f"decord is not exact on this film, {why}: set MM_DECODER to auto")
