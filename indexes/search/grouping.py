"""Segments that answer, grown into moments: what a person would call one place of a video is one
hit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from indexes.search.fusion import Floats
from indexes.vectors.kind_index import Keys
from indexes.vectors.parts import Part

ACROSS = 0.7
"""A moment goes on across a cut where what lies behind has at least this share of the strength of
its best segment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Touching segments of one item that answer together."""

    part: Part
    segment: int
    """The best of them."""
    strength: float
    """Of the best."""
    first: int
    last: int


def group_segments(part: Part, segments: Keys, strength: Floats, k: int, floor: float, likely: float = math.inf) -> list[Moment]:
    """The `k` strongest moments with at least the strength `floor`, strongest first.

    The strongest segment that is in no moment yet begins the next one. It goes on to both sides
    over touching segments that reach the floor: within a shot over all of them, across a cut where
    the segment behind it has at least `ACROSS` of the strength that the moment began with. A moment
    whose best segment has at least the strength `likely` extends only over segments that have it
    too: less likely ones do not make it longer. `segments` are sorted; those that are not given end
    a moment.
    """
    reached = np.flatnonzero(strength >= floor)
    own, strength = segments[reached], strength[reached]
    next_to = np.zeros(len(own) + 1, dtype=np.bool_)  # whether a segment touches the one before it
    next_to[1:-1] = (np.diff(own) == 1) & part.segments.touching[own[1:]]
    in_shot = np.append(part.segments.joined[own], False)
    taken = np.zeros(len(own), dtype=np.bool_)
    moments: list[Moment] = []
    for best in np.argsort(-strength, kind="stable"):
        if len(moments) == k:
            break
        if taken[best]:
            continue
        first = last = int(best)
        least = ACROSS * strength[best]
        bound = likely if strength[best] >= likely else floor
        while (
            next_to[last + 1]
            and not taken[last + 1]
            and strength[last + 1] >= (bound if in_shot[last + 1] else max(bound, least))
        ):
            last += 1
        while next_to[first] and not taken[first - 1] and strength[first - 1] >= (bound if in_shot[first] else max(bound, least)):
            first -= 1
        taken[first : last + 1] = True
        moments.append(Moment(part, int(own[best]), float(strength[best]), int(own[first]), int(own[last])))
    return moments
