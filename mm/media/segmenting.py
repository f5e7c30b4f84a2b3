"""Time ranges: an item is cut into chunks, its units of work, a chunk into segments for search.

Pure functions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from math import ceil, isfinite
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.media.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_SHOT = 0.5
"""Seconds; a shorter shot is merged with the one before it."""


def cut_chunks(duration: float, keyframes: Sequence[float], longest: float) -> list[Span]:
    """Tile [0, duration] with spans of about equal length, at most `longest` seconds.

    Spans are cut at `keyframes`, which ascend, where there are any: decoding a span that starts at
    a key frame needs no earlier packet. Raises `InvalidInput` when `longest` is not positive or
    `duration` not finite.
    """
    _check(duration, longest)
    spans: list[Span] = []
    position = 0.0
    while duration - position > longest:
        length = (duration - position) / ceil((duration - position) / longest)
        cut = _nearest(keyframes, position + length, position + length / 2, position + longest)
        spans.append(Span(position, cut))
        position = cut
    return [*spans, Span(position, duration)]


def cut_segments(span: Span, cuts: Sequence[float], longest: float) -> list[tuple[Span, int]]:
    """Tile `span` with segments of at most `longest` seconds that cross no cut, with shot numbers.

    `cuts` are the times at which shots start, in any order; those outside the span are ignored. A
    shot is cut into equal segments, and a shot shorter than `MIN_SHOT` is merged with the one
    before it. Raises `InvalidInput` as `cut_chunks` does.
    """
    _check(span.length, longest)
    edges = [span.start]
    for cut in sorted(cuts):
        if cut - edges[-1] >= MIN_SHOT and span.end - cut >= MIN_SHOT:
            edges.append(cut)
    edges.append(span.end)
    return [(segment, shot) for shot, (start, end) in enumerate(pairwise(edges)) for segment in _tile(start, end, longest)]


def _check(duration: float, longest: float) -> None:
    if not (isfinite(duration) and duration >= 0):
        raise InvalidInput(f"A duration of {duration} s is invalid: it must be finite and not negative.")
    if not longest > 0:
        raise InvalidInput(f"A maximum length of {longest} s is invalid: it must be positive.")


def _nearest(times: Sequence[float], target: float, low: float, high: float) -> float:
    """The time nearest to `target` in [low, high], or `target` where there is none."""
    candidates = times[bisect_left(times, low) : bisect_right(times, high)]
    return min(candidates, key=lambda time: abs(time - target), default=target)


def _tile(start: float, end: float, longest: float) -> list[Span]:
    count = max(ceil((end - start) / longest), 1)
    edges = [start + (end - start) * number / count for number in range(count)] + [end]
    return [Span(a, b) for a, b in pairwise(edges)]
