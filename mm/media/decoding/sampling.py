"""Which frames of a video are worth an encoder's time: few a second, the first of each shot, none
that shows the same again."""

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

PRE_ROLL = 8  # frames in front of the span that the shot detector gets to see
KEEP_SECONDS = 5.0
"""A picture that stands is given again after so long: segments of 10 s and more all get one."""
SAME_MEAN, SAME_MOST = 1.5, 14.0  # of 255: nearer than this in the mean, and in every spot, is the same picture
EPSILON = 1e-6


def sample(
    decoder: Decoder, span: Span, duration: float, fps: float, longest: int | None, frame_seconds: float = 0.0
) -> Iterator[Frame]:
    """At most `fps` frames a second shown in [start, end), and the first frame of every shot.

    `frame_seconds` is the time from one frame of the film to the next, for a decoder that leaves
    some out.

    Ticks of 1 / `fps` lie on the presentation clock, not on the span: spans that tile a video give
    what the whole gives.
    """
    sampler = _Sampler(span, fps, longest)
    detector: ShotDetector[DecodedFrame] = ShotDetector(frame_seconds=frame_seconds)
    pending: tuple[DecodedFrame, bool] | None = None
    for frame, cut in detector.of(_near(decoder.frames(span.start), span)):
        if pending is not None:
            yield from sampler.shown(*pending, until=frame.time)
        if frame.time >= span.end:
            return
        pending = (frame, cut)
    if pending is not None:
        yield from sampler.shown(*pending, until=min(duration, span.end))


def _near(frames: Iterator[DecodedFrame], span: Span) -> Iterator[DecodedFrame]:
    """The last few frames up to the start, then all until a few after the end."""
    early: deque[DecodedFrame] = deque(maxlen=PRE_ROLL)
    late = 0
    for frame in frames:
        if frame.time < span.start:
            early.append(frame)
            continue
        while early:
            yield early.popleft()
        yield frame
        late += frame.time >= span.end
        if late > PRE_ROLL:
            return
    yield from early


@dataclass(slots=True)
class _Kept:
    time: float
    signature: Signature


class _Sampler:
    def __init__(self, span: Span, fps: float, longest: int | None) -> None:
        self._span, self._fps, self._longest = span, fps, longest
        self._tick: int | None = None
        self._kept: _Kept | None = None
        self._cut = False
        self._shot_start = span.start

    def shown(self, frame: DecodedFrame, cut: bool, until: float) -> Iterator[Frame]:
        """Pictures to keep of the time that `frame` is shown."""
        span = self._span
        if cut:
            self._cut, self._shot_start = frame.time >= span.start, max(frame.time, span.start)
        until = min(until, span.end)
        if frame.time >= span.start:
            tick = floor(frame.time * self._fps + EPSILON)
            if self._cut or (tick != self._tick and not self._is_same(frame)):
                yield self._keep(frame, frame.time)
            self._tick = tick
        # What is still on the screen from before the span, or stays there for long, is given again.
        time = span.start if self._kept is None else self._kept.time + KEEP_SECONDS
        gap = until - span.start > 1 / self._fps if self._kept is None else True
        while gap and max(frame.time, span.start) <= time < until:
            yield self._keep(frame, time)
            time += KEEP_SECONDS

    def _is_same(self, frame: DecodedFrame) -> bool:
        if self._kept is None or frame.time - self._kept.time >= KEEP_SECONDS:
            return False
        apart = np.abs(frame.signature - self._kept.signature)
        return bool(apart.mean() < SAME_MEAN and apart.max() < SAME_MOST)

    def _keep(self, frame: DecodedFrame, time: float) -> Frame:
        kept = Frame(time, frame.rgb(self._longest), self._cut, self._shot_start)
        self._kept, self._cut = _Kept(time, frame.signature), False
        return kept
