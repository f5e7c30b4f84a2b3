"""Sound as one mono waveform on the presentation clock, gaps as silence.

Output sample k lies at k / rate seconds, whatever span is asked for: the resampler always starts
where a sample of the source and one of the output fall together, so that spans that tile a file
give the samples of the whole.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from math import ceil, floor, gcd
from typing import TYPE_CHECKING

import av
import numpy as np

from mm.errors import MediaError
from mm.media.containers.av_file import time_base
from mm.media.decoding.pyav_decoder import audio_frames_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame

    from mm.media.containers.av_file import AvFile
    from mm.media.types import Span, Waveform

MARGIN = 0.05  # s on either side of the span that the resampler's filter gets to see
PRE_ROLL = 0.5  # s decoded and thrown away before that: MP3 and Vorbis lean on frames before
BLOCK = 1 << 16  # samples
NATIVE_RATES = range(1_000, 768_001)  # of sound that is worth hearing; a damaged header may claim any
FULL_SCALE = {"rematrix_maxval": "1"}  # channels that are all as loud as can be do not add up to more than 1


def waveform(media: AvFile, origin: Fraction, span: Span, rate: int) -> Iterator[Waveform]:
    """Blocks that together are the samples round(start * rate) to round(end * rate) of the file.
    Raises `MediaError`."""
    if media.audio is None:
        raise MediaError(media.name, "no-streams", "it has no sound")
    first, last = round(span.start * rate), round(span.end * rate)
    frames = audio_frames_from(media, origin, first / rate - MARGIN - PRE_ROLL)
    head = next(frames, None)
    if head is None:
        raise MediaError(media.name, "unreadable", "none of its sound can be decoded")
    native = head[1].sample_rate
    if native not in NATIVE_RATES:
        raise MediaError(media.name, "unreadable", f"its sound claims to have {native} samples a second")
    common = gcd(native, rate)
    native_step, step = native // common, rate // common
    begin = floor((first - MARGIN * rate) / step)  # in steps, at which both grids meet
    native_begin, native_end = begin * native_step, ceil((last / rate + MARGIN) * native)
    jitter = ceil(1.5 * native * time_base(media.audio)) + 1
    lined_up = _line_up(chain([head], frames), origin, native, jitter, native_begin, native_end)
    yield from _window(_resampled(lined_up, native, rate), first - begin * step, last - first)


class _Mixer:
    """Channels mixed to one, at the rate that the stream began with, also where it changes its form
    in the middle."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._form: tuple[str, str, int] | None = None
        self._resampler = av.AudioResampler()

    def mono(self, frame: AudioFrame) -> Waveform:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._form, self._resampler = form, av.AudioResampler("fltp", "mono", self._rate, options=FULL_SCALE)
        frame.pts = None  # times are kept apart, in exact fractions
        mixed = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(mixed) if mixed else np.zeros(0, np.float32)


def _line_up(
    frames: Iterator[tuple[Fraction, AudioFrame]], origin: Fraction, native: int, jitter: int, begin: int, end: int
) -> Iterator[Waveform]:
    """Samples `begin` to `end` at the stream's own rate, without a gap: silence where there are
    none, the earlier of two.

    Time stamps that are off by up to `jitter` samples are rounding, not gaps.
    """
    mixer = _Mixer(native)
    position: int | None = None  # where the next sample is expected
    filled = begin
    for time, frame in frames:
        samples = mixer.mono(frame)
        told = round((time - origin) * native)
        if position is None or abs(told - position) > jitter:
            position = told
        here, position = position, position + len(samples)
        if position <= filled:
            continue
        if here > filled:
            gap = min(here, end) - filled
            yield from _silence(gap)
            filled += gap
        if filled >= end:
            return
        piece = samples[filled - here : end - here]
        yield piece
        filled += len(piece)
    yield from _silence(end - filled)


def _silence(count: int) -> Iterator[Waveform]:
    for start in range(0, count, BLOCK):
        yield np.zeros(min(BLOCK, count - start), np.float32)


def _resampled(blocks: Iterator[Waveform], native: int, rate: int) -> Iterator[Waveform]:
    """The same sound at another rate; its first sample is the first of the input."""
    if native == rate:
        yield from blocks
        return
    resampler = av.AudioResampler("fltp", "mono", rate)
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
        frame.sample_rate = native
        yield from (part.to_ndarray()[0] for part in resampler.resample(frame))
    yield from (part.to_ndarray()[0] for part in resampler.resample(None))


def _window(blocks: Iterator[Waveform], skip: int, count: int) -> Iterator[Waveform]:
    """Leave out `skip` samples, then give `count`."""
    for block in blocks:
        kept = block[skip : skip + count]
        skip = max(skip - len(block), 0)
        count -= len(kept)
        if len(kept):
            yield kept
        if count <= 0:
            return
    yield from _silence(count)
