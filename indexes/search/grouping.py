"""Grouping of matching segments into moments: adjacent segments of one item become one hit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from indexes.search.fusion import Floats
from indexes.vectors.kind_index import Keys
from indexes.vectors.parts import Part

CUT_STRENGTH_RATIO = 0.7
"""A moment continues across a cut where the next segment has at least this fraction of the strength
of its best segment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Adjacent segments of one item that match the query together."""

    part: Part
    segment: int
    """Number of the best segment in the part."""
    strength: float
    """Strength of the best segment."""
    first: int
    last: int
    near_duplicates: tuple[Moment, ...] = ()
    """Weaker moments of other items with the same content."""


def group_segments(part: Part, segments: Keys, strength: Floats, k: int, floor: float, likely: float = math.inf) -> list[Moment]:
    """The `k` strongest moments with at least the strength `floor`, strongest first.

    The strongest segment that is in no moment yet starts the next moment. The moment extends in
    both directions over adjacent segments that reach `floor`: within a shot over all of them,
    across a cut where the next segment has at least `CUT_STRENGTH_RATIO` of the strength of the
    best. A moment whose best segment reaches `likely` extends only over segments that reach it too.
    `segments` (N,) is sorted, `strength` is (N,); segments that are not listed end a moment.
    """
    above = np.flatnonzero(strength >= floor)
    own, strength = segments[above], strength[above]
    adjacent = np.zeros(len(own) + 1, dtype=np.bool_)  # whether a segment is adjacent to the one before it
    adjacent[1:-1] = (np.diff(own) == 1) & part.segments.adjacent[own[1:]]
    in_shot = np.append(part.segments.adjacent_in_shot[own], False)
    grouped = np.zeros(len(own), dtype=np.bool_)
    moments: list[Moment] = []
    for best in np.argsort(-strength, kind="stable"):
        if len(moments) == k:
            break
        if grouped[best]:
            continue
        first = last = int(best)
        shot_min = likely if strength[best] >= likely else floor
        cut_min = max(shot_min, CUT_STRENGTH_RATIO * strength[best])
        while adjacent[last + 1] and not grouped[last + 1] and strength[last + 1] >= (shot_min if in_shot[last + 1] else cut_min):
            last += 1
        while adjacent[first] and not grouped[first - 1] and strength[first - 1] >= (shot_min if in_shot[first] else cut_min):
            first -= 1
        grouped[first : last + 1] = True
        moments.append(Moment(part, int(own[best]), float(strength[best]), int(own[first]), int(own[last])))
    return moments
