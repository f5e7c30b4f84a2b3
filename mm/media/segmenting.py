"""Cut time: an item into chunks that are worked on apart, a chunk into segments that search
returns. Pure functions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from math import ceil, isfinite
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.media.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

SLIVER = 0.5
"""Seconds; a shot that is shorter is no segment of its own."""


def cut_chunks(duration: float, keyframes: Sequence[float], longest: float) -> list[Span]:
    """Tile [0, duration] with spans of at most `longest` seconds, about equally long, cut at key
    frames where there are any.

    `keyframes` ascend. Decoding a span that starts at one needs nothing in front of it.
    Raises `InvalidInput` when `longest` is not positive or `duration` not finite.
    """
    _check(duration, longest)
    spans: list[Span] = []
    position = 0.0
    while duration - position > longest:
        share = (duration - position) / ceil((duration - position) / longest)
        cut = _nearest(keyframes, position + share, position + share / 2, position + longest)
        spans.append(Span(position, cut))
        position = cut
    return [*spans, Span(position, duration)]


def cut_segments(span: Span, cuts: Sequence[float], longest: float) -> list[tuple[Span, int]]:
    """Tile `span` with segments of at most `longest` seconds, none of them across a shot cut, each
    with the number of its shot.

    `cuts` are the times at which shots start, in any order; those outside the span do not count. A
    shot is cut into equal parts, and one shorter than `SLIVER` joins that in front of it. Raises
    `InvalidInput` as `cut_chunks` does.
    """
    _check(span.length, longest)
    edges = [span.start]
    for cut in sorted(cuts):
        if cut - edges[-1] >= SLIVER and span.end - cut >= SLIVER:
            edges.append(cut)
    edges.append(span.end)
    return [(part, shot) for shot, (start, end) in enumerate(pairwise(edges)) for part in _equal_parts(start, end, longest)]


def _check(duration: float, longest: float) -> None:
    if not (isfinite(duration) and duration >= 0):
        raise InvalidInput(f"A duration of {duration} s cannot be cut.")
    if not longest > 0:
        raise InvalidInput(f"Pieces of at most {longest} s cannot be cut.")


def _nearest(times: Sequence[float], wanted: float, low: float, high: float) -> float:
    """The time nearest to `wanted` in [low, high], or `wanted` where there is none."""
    near = times[bisect_left(times, low) : bisect_right(times, high)]
    return min(near, key=lambda time: abs(time - wanted), default=wanted)


def _equal_parts(start: float, end: float, longest: float) -> list[Span]:
    count = max(ceil((end - start) / longest), 1)
    edges = [start + (end - start) * part / count for part in range(count)] + [end]
    return [Span(a, b) for a, b in pairwise(edges)]
