"""The k best moments, exactly, without scoring all: the threshold algorithm (Fagin, Lotem, Naor 2003) over FAISS results.

Each kind of evidence gives its pieces best first. A moment that none of the kinds has given yet is at most as strong as the last
piece of each together; when that bound falls below the k-th best moment known, or below the floor, nothing better is left. What
some kind has given gets its exact strength from the vectors of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.fusion import Floats, strengths
from indexes.parts import Keys, Mask, Part

if TYPE_CHECKING:
    from indexes.snapshot import Snapshot
    from mm.spaces.types import Probe

FIRST = 256
"""Pieces of evidence that are asked for at first, of each part and kind."""
GROWTH = 4
"""How many times more are asked for when they do not suffice."""
ROUNDING = 3e-5
"""Relative error of an inner product by FAISS against ours: float32, another order of summation."""
NOT_FOUND = -1.0
"""Strength of a segment without evidence of the kinds asked for: below every floor."""


Spread = Callable[[Callable[["Scan"], float], Sequence["Scan"]], Iterable[float]]
"""As `map`, which it may be; that of a pool of threads looks at several parts at once."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A segment that answers."""

    part: Part
    segment: int
    strength: float


def best_moments(
    snapshot: Snapshot, probes: Sequence[Probe], chosen: Keys | None, k: int, floor: float, spread: Spread = map
) -> list[Moment]:
    """The `k` strongest moments, strongest first, of those with at least the strength `floor`.

    Touching segments of one shot that all reach the floor are one moment, the strongest of them. `chosen`: keys of the items to
    look at, None for all. Raises `SpaceMismatch` for probes of another dimension.
    """
    scans = [scan for part in snapshot.parts if (scan := _scan(part, probes, snapshot.items(part, chosen))) is not None]
    count = max(FIRST, 2 * k)
    while True:
        bound = max(spread(partial(Scan.fetch, count=count), scans), default=-np.inf)
        sure = max(bound, floor)
        moments = sorted(
            (moment for scan in scans for moment in scan.moments(k, sure, floor)),
            key=lambda moment: (-moment.strength, moment.segment),
        )
        if bound < floor or bound == -np.inf or len(moments) >= k:
            return moments[:k]
        count *= GROWTH


def _scan(part: Part, probes: Sequence[Probe], items: Mask) -> Scan | None:
    probes = [probe for probe in probes if probe.kind in part.kinds]
    if not probes or not items.any():
        return None
    return Scan(part, probes, None if items.all() else items[part.segments.item])


@dataclass(eq=False)
class Scan:
    """One search in one part."""

    part: Part
    probes: Sequence[Probe]
    mask: Mask | None
    """Segments that may be looked at, None for all."""
    strength: Floats = field(init=False)
    """Of each segment; NaN as long as it is not known."""

    def __post_init__(self) -> None:
        self.strength = np.full(len(self.part.segments.item), np.nan)

    def fetch(self, count: int) -> float:
        """Look at the best `count` pieces of each kind. Returns what the strength of a segment not seen now cannot exceed, -inf
        if all were seen."""
        seen: list[npt.NDArray[np.int32]] = []
        last: list[float] = []
        for probe in self.probes:
            index = self.part.kinds[probe.kind]
            mask = None if self.mask is None else self.mask[index.rows.segment]
            rows, products = index.top(probe.weight, count, mask)
            seen.append(index.rows.segment[rows])
            if len(rows) == min(count, len(index)) < len(index):
                slack = ROUNDING * float(np.linalg.norm(probe.weight)) * index.longest
                last.append(float(products[-1]) + slack + probe.bias)
        self._look_at(np.concatenate(seen))
        return float(strengths(last).sum()) if last else -np.inf

    def moments(self, k: int, sure: float, floor: float) -> list[Moment]:
        """The `k` strongest moments with at least the strength `sure`, itself at least `floor`, out of the segments seen."""
        self._look_around(np.flatnonzero(self.strength >= sure), floor)
        hits = np.flatnonzero(self.strength >= floor)  # NaN is not
        if len(hits) == 0:
            return []
        touching = (np.diff(hits) == 1) & self.part.segments.joined[hits[1:]]
        ends = np.append(np.flatnonzero(~touching) + 1, len(hits))
        starts = np.append(0, ends[:-1])
        strongest = np.maximum.reduceat(self.strength[hits], starts)
        runs = np.argsort(-strongest, kind="stable")[:k]
        moments: list[Moment] = []
        for run in runs[strongest[runs] >= sure]:
            members = hits[starts[run] : ends[run]]
            best = int(members[np.argmax(self.strength[members])])
            moments.append(Moment(self.part, best, float(self.strength[best])))
        return moments

    def _look_at(self, segments: npt.NDArray[np.integer]) -> None:
        """Find out the strengths of segments."""
        new = np.unique(segments)
        new = new[np.isnan(self.strength[new])]
        if self.mask is not None:
            new = new[self.mask[new]]
        if len(new) == 0:
            return
        total, found = np.zeros(len(new)), np.zeros(len(new), dtype=np.bool_)
        for probe in self.probes:
            products, rows = self.part.kinds[probe.kind].best(probe.weight, new)
            total += strengths(products.astype(np.float64) + probe.bias)
            found |= rows >= 0
        self.strength[new] = np.where(found, total, NOT_FOUND)

    def _look_around(self, hits: npt.NDArray[np.intp], floor: float) -> None:
        """Find out the strengths of all that touch `hits` in their shot, as far as the floor is reached without a gap."""
        joined = self.part.segments.joined
        edge = hits
        while len(edge):
            before = edge[joined[edge]] - 1
            after = edge[edge + 1 < len(joined)] + 1
            around = np.unique(np.concatenate([before, after[joined[after]]]))
            around = around[np.isnan(self.strength[around])]
            self._look_at(around)
            edge = around[self.strength[around] >= floor]
