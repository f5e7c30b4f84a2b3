"""Events in long shots of a camera that stands still: when something begins and ends to be there.

The background of a shot is what is seen over the longest time from its first to its last
occurrence, rather than most of the time: people may stand before it for longer than it is empty. A
frame is active where enough cells of its thumbnail differ from the background by more than they
usually do. Brightness and contrast of the whole frame are fitted to the background first: a change
of the light is no event.
Array axes: F frames, T ticks of the time grid, C cells of a thumbnail.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mm.media.types import Span
    from mm.spaces.encode.evidence import EncodedFrame

MIN_SHOT_SECONDS = 10.0
"""A shorter shot is not searched for events."""
TICK_SECONDS = 0.5
MIN_DIFFERENCE = 8.0
"""Of 255: least difference of an active cell from the background."""
NUM_DEVIATIONS, MAX_LIMIT = 5.0, 40.0
"""The same in standard deviations of the cell, by the quartile of its differences; its limit."""
MIN_CELLS = 3
"""Active cells, of 1,024, of an active frame."""
MAX_STATIC_SHARE = 0.25
"""Share of cells, in the median over time, that differ by `MIN_DIFFERENCE` in a shot whose camera
stands still."""
MIN_CUT_SHARE = 0.35
"""Share of cells that change at a cut to another view; what enters may be taken for a cut, too."""
MAX_PAUSE_SECONDS, MIN_EVENT_SECONDS = 1.5, 1.0
"""A shorter pause does not end an event, a shorter event is none."""
SIMILAR_DIFFERENCE, SIMILAR_CELLS = 12.0, 20
"""Two frames show the same where fewer cells, of 1,024, differ by more, of 255."""
TRIM_SHARE = 0.3
"""Share of cells, those that differ most, that the brightness is not fitted to."""

Floats = npt.NDArray[np.float32]


def event_edges(frames: Sequence[EncodedFrame], span: Span) -> list[float]:
    """Times inside `span` at which events begin or end, ascending; frames need thumbnails.

    Empty where the camera moves, and where something moves all the time.
    """
    views = [frame.cut_time for before, frame in pairwise(frames) if frame.cut and _is_other_view(before, frame)]
    starts = [span.start, *(time for time in views if span.start < time < span.end)]
    edges: list[float] = []
    for start, end in pairwise([*starts, span.end]):
        shot = [frame for frame in frames if start <= frame.time < end and frame.thumbnail is not None]
        if end - start >= MIN_SHOT_SECONDS and len(shot) > 1:
            edges += _edges_in_shot(shot, start, end)
    return edges


def _is_other_view(before: EncodedFrame, frame: EncodedFrame) -> bool:
    if before.thumbnail is None or frame.thumbnail is None:
        return True
    differences_C = _without_light(frame.thumbnail.ravel(), before.thumbnail.ravel())
    return float((differences_C > SIMILAR_DIFFERENCE).mean()) > MIN_CUT_SHARE


def _edges_in_shot(shot: Sequence[EncodedFrame], start: float, end: float) -> list[float]:
    times_F = np.array([frame.time for frame in shot])
    thumbnails_FC = np.stack([frame.thumbnail for frame in shot if frame.thumbnail is not None]).reshape(len(shot), -1)
    ticks_T = np.arange(start, end, TICK_SECONDS)
    # A frame that shows the same as the one before is not sampled: each is shown up to the next.
    shown_T = np.maximum(np.searchsorted(times_F, ticks_T + 1e-6, side="right") - 1, 0)
    thumbnails_TC = thumbnails_FC[shown_T]
    active_T = _close(find_activity(thumbnails_TC))
    ticks = np.flatnonzero(active_T[1:] != active_T[:-1]) + 1
    return [max(float(times_F[shown_T[tick]]) - TICK_SECONDS / 2, start) for tick in ticks]


def find_background(thumbnails_TC: Floats) -> Floats:
    """The background of a shot (C,): the median of the frames that show it."""
    medians_T1 = np.median(thumbnails_TC, axis=1, keepdims=True)
    spreads_T1 = np.maximum(np.median(np.abs(thumbnails_TC - medians_T1), axis=1, keepdims=True), 1.0)
    levels_TC = (thumbnails_TC - medians_T1) / spreads_T1 * np.median(spreads_T1)  # about the same in any light
    best, frames_T = -1.0, np.ones(len(levels_TC), np.bool_)
    for levels_C in levels_TC:
        similar_T = (np.abs(levels_TC - levels_C) > SIMILAR_DIFFERENCE).sum(axis=1) < SIMILAR_CELLS
        ticks = np.flatnonzero(similar_T)
        score = float(ticks[-1] - ticks[0]) + 0.5 * len(ticks)
        if score > best:
            best, frames_T = score, similar_T
    background_C: Floats = np.median(thumbnails_TC[frames_T], axis=0)
    return background_C


def find_activity(thumbnails_TC: Floats) -> npt.NDArray[np.bool_]:
    """Whether each frame of a shot is active (T,), from brightness 0 to 255 at equal intervals.

    None is in a shot whose camera moves.
    """
    background_C = find_background(thumbnails_TC)
    differences_TC = np.stack([_without_light(thumbnail_C, background_C) for thumbnail_C in thumbnails_TC])
    if np.median((differences_TC > MIN_DIFFERENCE).mean(axis=1)) > MAX_STATIC_SHARE:
        return np.zeros(len(thumbnails_TC), np.bool_)
    # The lower quartile, as events may last for more than half of the shot and are no noise.
    deviations_C = 3.14 * np.quantile(differences_TC, 0.25, axis=0)  # of a normal distribution
    limits_C = np.clip(NUM_DEVIATIONS * deviations_C, MIN_DIFFERENCE, MAX_LIMIT)
    is_active: npt.NDArray[np.bool_] = (differences_TC > limits_C).sum(axis=1) >= MIN_CELLS
    return is_active


def _without_light(thumbnail_C: Floats, background_C: Floats) -> Floats:
    """Absolute differences from the background after gain and offset, by trimmed least squares."""
    kept = np.ones(len(thumbnail_C), np.bool_)
    differences_C: Floats = np.abs(thumbnail_C - background_C)
    for _ in range(2):
        x, y = background_C[kept], thumbnail_C[kept]
        variance = float(x.var())
        gain = float(np.mean((x - x.mean()) * (y - y.mean()))) / variance if variance > 1.0 else 1.0
        gain = min(max(gain, 0.5), 2.0)
        offset = float(y.mean()) - gain * float(x.mean())
        # In levels of the background, so that a darker frame has no smaller differences.
        differences_C = np.abs((thumbnail_C - offset) / gain - background_C)
        kept = differences_C <= np.quantile(differences_C, 1 - TRIM_SHARE)
    return differences_C


def _close(active_T: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Fill short pauses between events, then remove short events."""
    filled = _replace_runs(active_T, False, MAX_PAUSE_SECONDS, is_inner=True)
    return _replace_runs(filled, True, MIN_EVENT_SECONDS, is_inner=False)


def _replace_runs(values_T: npt.NDArray[np.bool_], value: bool, seconds: float, *, is_inner: bool) -> npt.NDArray[np.bool_]:
    """Invert runs of `value` shorter than `seconds`; with `is_inner` those between others only."""
    result = values_T.copy()
    changes = np.flatnonzero(values_T[1:] != values_T[:-1]) + 1
    for first, last in pairwise([0, *changes.tolist(), len(values_T)]):
        at_edge = first == 0 or last == len(values_T)
        if values_T[first] == value and (last - first) * TICK_SECONDS < seconds and not (is_inner and at_edge):
            result[first:last] = not value
    return result
