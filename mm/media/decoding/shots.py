"""Shot cuts by content, from pictures in little, a few frames behind the decoder.

A hard cut is a step that stands out from those around it (the adaptive detector of PySceneDetect:
the ratio to the mean of the neighbours, with an absolute floor) and after which nothing looks as
before: a flash comes back, a cut does not. A slow change (fade, dissolve) is a new picture that
stands still after one that stood still.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mm.media.decoding.decoder import DecodedFrame, Signature

FrameT = TypeVar("FrameT", bound="DecodedFrame")


@dataclass(frozen=True, slots=True)
class ShotRules:
    """Distances are means of absolute differences over Y, U and V, 0..255."""

    step: float = 4.5  # the least that a hard cut changes
    ratio: float = 3.0  # how far a cut stands out from the steps around it
    neighbours: int = 2  # steps on either side that it is held against
    stretch: float = 2.0  # the most that a step is scaled by to stand for one over another time
    come_back: float = 0.5  # of the step: nearer than this to the picture before is no new picture
    flash: float = 0.35  # s that a flash may last
    ahead: int = 8  # frames that are looked at in advance, at most
    shortest: float = 0.4  # s from one cut to the next
    change: float = 7.0  # the least that a slow one changes
    still: float = 0.6  # steps below this are stillness
    still_frames: int = 3  # and longer than a flash, before a picture counts as one that stands


RULES = ShotRules()


def distance(a: Signature, b: Signature) -> float:
    """Mean absolute difference of two signatures."""
    return float(np.abs(a - b).mean())


@dataclass(slots=True)
class _Seen(Generic[FrameT]):
    frame: FrameT
    step: float  # distance to the frame before; 0 for the first
    gap: float  # s since the frame before; 0 for the first


class ShotDetector(Generic[FrameT]):
    """Tells of each frame whether a shot starts with it. `of` hands every frame through,
    `RULES.ahead` frames late at most."""

    def __init__(self, rules: ShotRules = RULES, frame_seconds: float = 0.0) -> None:
        """`frame_seconds` is the time from one frame of the film to the next, where not every one
        of them is told of."""
        self._rules, self._frame_seconds = rules, frame_seconds
        self._before: deque[_Seen[FrameT]] = deque(maxlen=rules.ahead)
        self._last_cut = -np.inf
        self._still: Signature | None = None  # what stood still last in this shot
        self._still_since, self._still_run = 0.0, 0

    def of(self, frames: Iterable[FrameT]) -> Iterator[tuple[FrameT, bool]]:
        waiting: deque[_Seen[FrameT]] = deque()
        previous: FrameT | None = None
        for frame in frames:
            step = 0.0 if previous is None else distance(previous.signature, frame.signature)
            waiting.append(_Seen(frame, step, 0.0 if previous is None else frame.time - previous.time))
            previous = frame
            while len(waiting) > self._rules.ahead or waiting[-1].frame.time - waiting[0].frame.time > self._wait(waiting):
                yield self._decide(waiting)
        while waiting:
            yield self._decide(waiting)

    def _wait(self, waiting: deque[_Seen[FrameT]]) -> float:
        """Seconds of look-ahead that a decision needs: those of a flash, and `neighbours`
        frames."""
        return self._rules.flash if len(waiting) > self._rules.neighbours else np.inf

    def _decide(self, waiting: deque[_Seen[FrameT]]) -> tuple[FrameT, bool]:
        seen = waiting.popleft()
        apart = seen.frame.time - self._last_cut >= self._rules.shortest and bool(self._before)
        hard = apart and self._is_hard(seen, waiting)
        if hard:
            self._still = None
        cut = self._is_slow(seen, waiting, apart) or hard
        if cut:
            self._last_cut = seen.frame.time
        self._before.append(seen)
        return seen.frame, cut

    def _is_hard(self, seen: _Seen[FrameT], ahead: deque[_Seen[FrameT]]) -> bool:
        rules = self._rules
        if seen.step < rules.step:
            return False
        near = (*list(self._before)[-rules.neighbours :], *list(ahead)[: rules.neighbours])
        around = [other.step * self._stretch(other.gap, seen.gap) for other in near]
        if around and seen.step < rules.ratio * sum(around) / len(around):
            return False
        time = seen.frame.time
        before = [other.frame.signature for other in self._before if time - other.frame.time <= rules.flash] or [
            self._before[-1].frame.signature
        ]
        after = [seen.frame.signature] + [other.frame.signature for other in ahead if other.frame.time - time <= rules.flash]
        nearest = min(distance(a, b) for a in before for b in after)
        return nearest >= rules.come_back * seen.step

    def _stretch(self, gap: float, wanted: float) -> float:
        """What makes of a step over `gap` seconds one over `wanted`: a camera that moves goes twice
        as far in twice the time."""
        most = self._rules.stretch
        return min(max(wanted / gap, 1 / most), most) if gap else 1.0

    def _of_one_frame(self, seen: _Seen[FrameT]) -> float:
        """A step, taken apart into equal ones where frames are missing."""
        return seen.step * self._stretch(seen.gap, min(self._frame_seconds or seen.gap, seen.gap))

    def _is_slow(self, seen: _Seen[FrameT], ahead: deque[_Seen[FrameT]], apart: bool) -> bool:
        rules = self._rules
        if self._of_one_frame(seen) >= rules.still or not self._before:
            self._still_since, self._still_run = seen.frame.time, 0
            return False
        self._still_run += 1
        if self._still_run >= rules.still_frames and seen.frame.time - self._still_since > rules.flash:
            self._still = seen.frame.signature
        if self._still_run != 1 or self._still is None:
            return False
        near = [self._of_one_frame(other) for other in ahead if other.frame.time - seen.frame.time <= rules.flash]
        settled = len(near) >= rules.neighbours and max(near) < rules.still
        return apart and settled and distance(self._still, seen.frame.signature) >= rules.change


def cut_times(frames: Iterable[FrameT], rules: ShotRules = RULES) -> list[float]:
    """Times at which a shot starts, the first one's left out."""
    return [frame.time for frame, cut in ShotDetector[FrameT](rules).of(frames) if cut]
