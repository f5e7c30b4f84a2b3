"""Optional decoder decord, for the videos that it decodes exactly.

Only `MM_DECODER=decord` and `mm bench decoders` select it. decord numbers frames and reports no
times: frame n is taken to be the n-th packet in presentation order. That holds for H.264 at a
constant rate in MP4, from time 0, without an edit list, in closed groups; all else is refused. See
docs/decisions/0003-decoder.md.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from mm.errors import MediaError, Unavailable
from mm.media.containers.streams import codec_name, time_base
from mm.media.decoding.decoder import SIGNATURE_SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.containers.av_file import AvFile
    from mm.media.decoding.decoder import Signature
    from mm.media.decoding.probe import MediaFacts
    from mm.media.types import RGB

JITTER = 1  # ticks of rounding error of a timestamp


class DecordDecoder:
    """Frames of an MP4.

    Raises `MediaError` (`unsupported`) for a video that decord does not decode exactly, and
    `Unavailable` where decord is not installed.
    """

    def __init__(self, media: AvFile, facts: MediaFacts, file: BinaryIO) -> None:
        self._times = exact_times(media, facts)
        require_decord()
        import decord

        file.seek(0)
        try:
            self._video = decord.VideoReader(file)  # reads the whole file; the sandbox forbids opening it by name
        except (RuntimeError, OSError) as error:
            raise _not_exact(media.name, "it cannot open it") from error
        if len(self._video) != len(self._times):
            raise _not_exact(media.name, "it reports another number of frames")

    def frames(self, start: float) -> Iterator[DecordFrame]:
        first = max(bisect_right(self._times, start) - 1, 0)
        for number in range(first, len(self._times)):
            yield DecordFrame(self._times[number], self._video[number].asnumpy())


def require_decord() -> None:
    """Import decord. Raises `Unavailable` where it is not installed."""
    try:
        import decord  # noqa: F401
    except ImportError as error:
        raise Unavailable("MM_DECODER is decord, but decord is not installed: set it to auto.") from error


class DecordFrame:
    """A `DecodedFrame` of RGB pixels."""

    def __init__(self, time: float, image: RGB) -> None:
        self.time, self._image = time, image

    @cached_property
    def signature(self) -> Signature:
        small = Image.fromarray(self._image).convert("YCbCr").resize((SIGNATURE_SIDE, SIGNATURE_SIDE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.int16).transpose(2, 0, 1)

    def rgb(self, longest: int | None) -> RGB:
        image = Image.fromarray(self._image)
        if longest is not None and max(image.size) > longest:
            image.thumbnail((longest, longest), Image.Resampling.BOX)
        return np.asarray(image)


def exact_times(media: AvFile, facts: MediaFacts) -> list[float]:
    """Times of all frames of a video that decord decodes exactly, on the presentation clock.

    Raises `MediaError` for any other video.
    """
    name, video = media.name, media.video
    if video is None or media.kind.format != "mov" or codec_name(video) != "h264":
        raise _not_exact(name, "it is not H.264 in MP4")
    if facts.info.rotation or (video.sample_aspect_ratio or 1) != 1 or video.pix_fmt not in {"yuv420p", "yuvj420p"}:
        raise _not_exact(name, "its frames are rotated, have non-square pixels, or are not 8-bit 4:2:0")
    tick = time_base(video)
    packets = [(packet.pts, packet.is_keyframe, packet.is_discard) for packet in media.packets(video)]
    ticks = sorted(pts for pts, _, _ in packets if pts is not None)
    if len(ticks) < len(packets) or not ticks or any(discard for _, _, discard in packets):
        raise _not_exact(name, "it has an edit list")
    if ticks[0] != 0:
        raise _not_exact(name, "its first frame is not at time 0")
    step = Fraction(ticks[-1], max(len(ticks) - 1, 1))
    if any(abs(time - number * step) > JITTER for number, time in enumerate(ticks)):
        raise _not_exact(name, "its frame rate varies")
    group = 0
    for pts, is_keyframe, _ in packets:
        group = pts if is_keyframe and pts is not None else group
        if pts is not None and pts < group:
            raise _not_exact(name, "its groups of pictures are open")
    return [float(time * tick - facts.origin) for time in ticks]


def _not_exact(name: str, reason: str) -> MediaError:
    return MediaError(name, "unsupported", f"decord does not decode this video exactly, {reason}: set MM_DECODER to auto")
