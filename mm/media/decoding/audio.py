"""Audio as one mono waveform on the presentation clock, with silence in gaps.

Output sample k is at k / rate seconds for any requested span: the resampler always starts where a
source sample and an output sample coincide, so that spans that tile a file give the samples of the
whole.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from math import ceil, floor, gcd
from typing import TYPE_CHECKING, Literal

import av
import numpy as np

from mm.errors import MediaError
from mm.media.containers.streams import time_base
from mm.media.decoding.pyav_decoder import decode_audio_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame

    from mm.media.containers.av_file import AvFile
    from mm.media.types import Span, Waveform

MARGIN = 0.05  # seconds on either side of the span for the filter of the resampler
PRE_ROLL = 0.5  # seconds decoded and discarded before that: MP3 and Vorbis depend on earlier frames
BLOCK = 1 << 16  # samples
NATIVE_RATES = range(1_000, 768_001)  # a damaged header may state any rate
Layout = Literal["mono", "stereo"]
CHANNELS: dict[Layout, int] = {"mono": 1, "stereo": 2}
FULL_SCALE = {"rematrix_maxval": "1"}  # channels at full scale do not add up to more than 1


def decode_waveform(media: AvFile, origin: Fraction, span: Span, rate: int) -> Iterator[Waveform]:
    """Blocks that together are the samples round(start * rate) to round(end * rate) of the file.

    Raises `MediaError` for a file without audio, or whose audio cannot be decoded.
    """
    if media.audio is None:
        raise MediaError(media.name, "no-streams", "it has no audio")
    first, last = round(span.start * rate), round(span.end * rate)
    frames = decode_audio_from(media, origin, first / rate - MARGIN - PRE_ROLL)
    head = next(frames, None)
    if head is None:
        raise MediaError(media.name, "unreadable", "none of its audio can be decoded")
    native = head[1].sample_rate
    if native not in NATIVE_RATES:
        raise MediaError(media.name, "unreadable", f"its header states a rate of {native} samples per second")
    common = gcd(native, rate)
    native_step, step = native // common, rate // common
    begin = floor((first - MARGIN * rate) / step)  # in steps, at which both sample grids coincide
    native_begin, native_end = begin * native_step, ceil((last / rate + MARGIN) * native)
    jitter = ceil(1.5 * native * time_base(media.audio)) + 1
    aligned = _align(chain([head], frames), origin, native, jitter, native_begin, native_end)
    yield from _crop(_resample(aligned, native, rate), first - begin * step, last - first)


def decode_channels(media: AvFile, origin: Fraction, span: Span, layout: Layout) -> tuple[int, Iterator[Waveform]]:
    """The native rate, and blocks of all samples of `span`, shape (samples, channels of `layout`).

    Mono blocks have the shape (samples,). Silence where there is none. Raises as `decode_waveform`.
    """
    frames = decode_audio_from(media, origin, span.start - PRE_ROLL)
    head = next(frames, None)
    if head is None or media.audio is None:
        raise MediaError(media.name, "unreadable", "none of its audio can be decoded")
    native = head[1].sample_rate
    if native not in NATIVE_RATES:
        raise MediaError(media.name, "unreadable", f"its header states a rate of {native} samples per second")
    jitter = ceil(1.5 * native * time_base(media.audio)) + 1
    first, last = round(span.start * native), round(span.end * native)
    return native, _align(chain([head], frames), origin, native, jitter, first, last, layout)


class _Mixer:
    """Mixes channels at the stream's first rate, also where the format changes later."""

    def __init__(self, rate: int, layout: Layout) -> None:
        self._rate, self._layout = rate, layout
        self._format: tuple[str, str, int] | None = None
        self._resampler = av.AudioResampler()

    def mix(self, frame: AudioFrame) -> Waveform:
        format_ = (frame.format.name, frame.layout.name, frame.sample_rate)
        if format_ != self._format:
            self._format, self._resampler = format_, av.AudioResampler("fltp", self._layout, self._rate, options=FULL_SCALE)
        frame.pts = None  # times are tracked separately, as exact fractions
        blocks = [block.to_ndarray() for block in self._resampler.resample(frame)]
        samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((CHANNELS[self._layout], 0), np.float32)
        return samples[0] if self._layout == "mono" else samples.T


def _align(
    frames: Iterator[tuple[Fraction, AudioFrame]],
    origin: Fraction,
    native: int,
    jitter: int,
    begin: int,
    end: int,
    layout: Layout = "mono",
) -> Iterator[Waveform]:
    """Samples `begin` to `end` at the native rate: silence in gaps, the earlier frame in overlaps.

    Timestamps that are off by up to `jitter` samples are rounding, not gaps.
    """
    mixer = _Mixer(native, layout)
    position: int | None = None  # where the next sample is expected
    filled = begin
    for time, frame in frames:
        samples = mixer.mix(frame)
        timestamp = round((time - origin) * native)
        if position is None or abs(timestamp - position) > jitter:
            position = timestamp
        start, position = position, position + len(samples)
        if position <= filled:
            continue
        if start > filled:
            gap = min(start, end) - filled
            yield from _silence(gap, layout)
            filled += gap
        if filled >= end:
            return
        block = samples[filled - start : end - start]
        yield block
        filled += len(block)
    yield from _silence(end - filled, layout)


def _silence(count: int, layout: Layout = "mono") -> Iterator[Waveform]:
    for start in range(0, count, BLOCK):
        length = min(BLOCK, count - start)
        yield np.zeros(length if layout == "mono" else (length, CHANNELS[layout]), np.float32)


def _resample(blocks: Iterator[Waveform], native: int, rate: int) -> Iterator[Waveform]:
    """Convert to another rate; the first output sample is the first input sample."""
    if native == rate:
        yield from blocks
        return
    resampler = av.AudioResampler("fltp", "mono", rate)
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
        frame.sample_rate = native
        yield from (resampled.to_ndarray()[0] for resampled in resampler.resample(frame))
    yield from (resampled.to_ndarray()[0] for resampled in resampler.resample(None))


def _crop(blocks: Iterator[Waveform], skip: int, count: int) -> Iterator[Waveform]:
    """Skip `skip` samples, then return `count`, filled up with silence."""
    for block in blocks:
        cropped = block[skip : skip + count]
        skip = max(skip - len(block), 0)
        count -= len(cropped)
        if len(cropped):
            yield cropped
        if count <= 0:
            return
    yield from _silence(count)
