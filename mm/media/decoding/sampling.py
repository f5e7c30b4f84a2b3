"""Frame sampling: a few frames per second, the first of each shot, no near-duplicates."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from mm.media.decoding.shots import ShotDetector
from mm.media.types import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.media.decoding.decoder import DecodedFrame, Decoder, Signature
    from mm.media.types import Span

CONTEXT_FRAMES = 8  # frames before and after the span that the shot detector receives
REPEAT_SECONDS = 5.0
"""Interval at which a still image is sampled again: every segment of 10 s or more gets a sample."""
MAX_MEAN_DIFFERENCE, MAX_DIFFERENCE = 1.5, 14.0  # of 255; below both, two frames are near-duplicates
EPSILON = 1e-6


def sample_frames(
    decoder: Decoder, span: Span, duration: float, fps: float, longest: int | None, frame_seconds: float = 0.0
) -> Iterator[Frame]:
    """Sample at most `fps` frames per second shown in [start, end), and the first of every shot.

    `frame_seconds` is the time between frames of the video, for a decoder that skips some. Ticks of
    1 / `fps` count from 0 on the presentation clock, not from the start of the span: spans that
    tile a video give the samples of the whole.
    """
    sampler = _Sampler(span, fps, longest)
    detector: ShotDetector[DecodedFrame] = ShotDetector(frame_seconds=frame_seconds)
    pending: tuple[DecodedFrame, bool] | None = None
    for frame, is_cut in detector.detect(_with_context(decoder.frames(span.start), span)):
        if pending is not None:
            yield from sampler.sample(*pending, until=frame.time)
        if frame.time >= span.end:
            return
        pending = (frame, is_cut)
    if pending is not None:
        yield from sampler.sample(*pending, until=min(duration, span.end))


def _with_context(frames: Iterator[DecodedFrame], span: Span) -> Iterator[DecodedFrame]:
    """The last few frames before the start, then all until a few after the end."""
    before: deque[DecodedFrame] = deque(maxlen=CONTEXT_FRAMES)
    num_after = 0
    for frame in frames:
        if frame.time < span.start:
            before.append(frame)
            continue
        while before:
            yield before.popleft()
        yield frame
        num_after += frame.time >= span.end
        if num_after > CONTEXT_FRAMES:
            return
    yield from before


@dataclass(slots=True)
class _Sample:
    time: float
    signature: Signature


class _Sampler:
    def __init__(self, span: Span, fps: float, longest: int | None) -> None:
        self._span, self._fps, self._longest = span, fps, longest
        self._tick: int | None = None
        self._last: _Sample | None = None
        self._is_cut = False
        self._shot_start = span.start

    def sample(self, frame: DecodedFrame, is_cut: bool, until: float) -> Iterator[Frame]:
        """Samples of the time from that of `frame` to `until`, during which it is shown."""
        span = self._span
        if is_cut:
            self._is_cut, self._shot_start = frame.time >= span.start, max(frame.time, span.start)
        until = min(until, span.end)
        if frame.time >= span.start:
            tick = floor(frame.time * self._fps + EPSILON)
            if self._is_cut or (tick != self._tick and not self._is_near_duplicate(frame)):
                yield self._take(frame, frame.time)
            self._tick = tick
        # A frame that is still shown from before the span, or is shown for long, is sampled again.
        time = span.start if self._last is None else self._last.time + REPEAT_SECONDS
        is_due = until - span.start > 1 / self._fps if self._last is None else True
        while is_due and max(frame.time, span.start) <= time < until:
            yield self._take(frame, time)
            time += REPEAT_SECONDS

    def _is_near_duplicate(self, frame: DecodedFrame) -> bool:
        if self._last is None or frame.time - self._last.time >= REPEAT_SECONDS:
            return False
        difference = np.abs(frame.signature - self._last.signature)
        return bool(difference.mean() < MAX_MEAN_DIFFERENCE and difference.max() < MAX_DIFFERENCE)

    def _take(self, frame: DecodedFrame, time: float) -> Frame:
        sampled = Frame(time, frame.rgb(self._longest), self._is_cut, self._shot_start)
        self._last, self._is_cut = _Sample(time, frame.signature), False
        return sampled
