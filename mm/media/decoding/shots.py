"""Shot boundary detection by content, from frame signatures, a few frames after the decoder.

A hard cut is a frame difference that exceeds those around it (the adaptive detector of
PySceneDetect: the ratio to the mean of the neighbours, with an absolute minimum) and after which no
frame resembles those before: after a flash the old image returns, after a cut it does not. A
gradual transition (fade, dissolve) is a new still image after another still image.
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
    """Differences are means of absolute differences over Y, U and V, 0..255."""

    min_cut: float = 4.5  # difference of a hard cut
    min_ratio: float = 3.0  # of a hard cut to the mean of the differences around it
    neighbours: int = 2  # differences on either side that it is compared with
    max_stretch: float = 2.0  # limit of the factor that scales a difference to another time interval
    min_new: float = 0.5  # share of the difference; nearer than this to an earlier frame is no new image
    flash_seconds: float = 0.35  # longest flash
    lookahead: int = 8  # frames
    min_shot_seconds: float = 0.4  # from one cut to the next
    min_transition: float = 7.0  # difference of a gradual transition
    max_still: float = 0.6  # difference between frames of a still image
    still_frames: int = 3  # and longer than a flash, before an image counts as still


RULES = ShotRules()


def distance(a: Signature, b: Signature) -> float:
    """Mean absolute difference of two signatures."""
    return float(np.abs(a - b).mean())


@dataclass(slots=True)
class _Step(Generic[FrameT]):
    frame: FrameT
    difference: float  # to the frame before; 0 for the first
    gap: float  # seconds since the frame before; 0 for the first


class ShotDetector(Generic[FrameT]):
    """Decides for each frame whether a shot starts with it. Keeps state: one detector per video."""

    def __init__(self, rules: ShotRules = RULES, frame_seconds: float = 0.0) -> None:
        """`frame_seconds` is the time between frames of the video, where the decoder skips some."""
        self._rules, self._frame_seconds = rules, frame_seconds
        self._before: deque[_Step[FrameT]] = deque(maxlen=rules.lookahead)
        self._last_cut = -np.inf
        self._still: Signature | None = None  # last still image of this shot
        self._still_since, self._still_run = 0.0, 0

    def detect(self, frames: Iterable[FrameT]) -> Iterator[tuple[FrameT, bool]]:
        """Return each frame and whether a shot starts with it, `lookahead` frames late at most."""
        waiting: deque[_Step[FrameT]] = deque()
        previous: FrameT | None = None
        for frame in frames:
            difference = 0.0 if previous is None else distance(previous.signature, frame.signature)
            waiting.append(_Step(frame, difference, 0.0 if previous is None else frame.time - previous.time))
            previous = frame
            while len(waiting) > self._rules.lookahead or (
                waiting[-1].frame.time - waiting[0].frame.time > self._lookahead_seconds(waiting)
            ):
                yield self._decide(waiting)
        while waiting:
            yield self._decide(waiting)

    def _lookahead_seconds(self, waiting: deque[_Step[FrameT]]) -> float:
        """Seconds of lookahead that a decision needs: a flash, and at least `neighbours` frames."""
        return self._rules.flash_seconds if len(waiting) > self._rules.neighbours else np.inf

    def _decide(self, waiting: deque[_Step[FrameT]]) -> tuple[FrameT, bool]:
        step = waiting.popleft()
        may_cut = step.frame.time - self._last_cut >= self._rules.min_shot_seconds and bool(self._before)
        is_hard = may_cut and self._is_hard_cut(step, waiting)
        if is_hard:
            self._still = None
        is_cut = self._is_gradual_cut(step, waiting, may_cut) or is_hard
        if is_cut:
            self._last_cut = step.frame.time
        self._before.append(step)
        return step.frame, is_cut

    def _is_hard_cut(self, step: _Step[FrameT], following: deque[_Step[FrameT]]) -> bool:
        rules = self._rules
        if step.difference < rules.min_cut:
            return False
        neighbours = (*list(self._before)[-rules.neighbours :], *list(following)[: rules.neighbours])
        around = [other.difference * self._stretch(other.gap, step.gap) for other in neighbours]
        if around and step.difference < rules.min_ratio * sum(around) / len(around):
            return False
        time = step.frame.time
        before = [other.frame.signature for other in self._before if time - other.frame.time <= rules.flash_seconds] or [
            self._before[-1].frame.signature
        ]
        after = [step.frame.signature] + [
            other.frame.signature for other in following if other.frame.time - time <= rules.flash_seconds
        ]
        nearest = min(distance(a, b) for a in before for b in after)
        return nearest >= rules.min_new * step.difference

    def _stretch(self, gap: float, target: float) -> float:
        """Factor that converts a difference over `gap` seconds to one over `target` seconds.

        A moving camera covers twice the distance in twice the time.
        """
        limit = self._rules.max_stretch
        return min(max(target / gap, 1 / limit), limit) if gap else 1.0

    def _per_frame(self, step: _Step[FrameT]) -> float:
        """Difference per frame, where a step spans skipped frames."""
        return step.difference * self._stretch(step.gap, min(self._frame_seconds or step.gap, step.gap))

    def _is_gradual_cut(self, step: _Step[FrameT], following: deque[_Step[FrameT]], may_cut: bool) -> bool:
        rules = self._rules
        if self._per_frame(step) >= rules.max_still or not self._before:
            self._still_since, self._still_run = step.frame.time, 0
            return False
        self._still_run += 1
        if self._still_run >= rules.still_frames and step.frame.time - self._still_since > rules.flash_seconds:
            self._still = step.frame.signature
        if self._still_run != 1 or self._still is None:
            return False
        soon = [self._per_frame(other) for other in following if other.frame.time - step.frame.time <= rules.flash_seconds]
        is_settled = len(soon) >= rules.neighbours and max(soon) < rules.max_still
        return may_cut and is_settled and distance(self._still, step.frame.signature) >= rules.min_transition


def cut_times(frames: Iterable[FrameT], rules: ShotRules = RULES) -> list[float]:
    """Times at which a shot starts, except the first shot."""
    return [frame.time for frame, is_cut in ShotDetector[FrameT](rules).detect(frames) if is_cut]
