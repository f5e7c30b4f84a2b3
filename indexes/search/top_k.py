"""The k best moments without scoring all: the threshold algorithm (Fagin, Lotem, Naor 2003) over
FAISS results.

Each kind of evidence gives its best pieces, and says what each of them, and what all others, cannot
exceed. So each segment has a ceiling: of the kinds that gave it what they said of it, of all others
what they said of the rest. Only segments whose ceiling reaches the k-th best moment known get their
strength from the vectors of all kinds, and when nothing that was not given can reach it either,
nothing better is left. Where the kinds are sure of what they say, the answer is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.search.fusion import Floats, but_without, strengths
from indexes.search.grouping import ACROSS, Moment, group_segments
from indexes.vectors.kind_index import Keys, Mask
from indexes.vectors.parts import Part

if TYPE_CHECKING:
    from indexes.vectors.snapshot import Snapshot
    from mm.spaces.types import EvidenceQuery

FIRST = 256
"""Pieces of evidence that are asked for at first, of each part and kind."""
AHEAD = 4
"""Segments that are looked at first, for each moment that is wanted."""
GROWTH = 4
"""How many times more are asked for when they do not suffice."""
NOT_FOUND = -1.0
"""Strength of a segment without evidence of the kinds asked for: below every floor."""

Spread = Callable[[Callable[["Scan"], None], Sequence["Scan"]], Iterable[None]]
"""As `map`, which it may be; that of a pool of threads looks at several parts at once."""


def find_top_moments(
    snapshot: Snapshot,
    probes: Sequence[EvidenceQuery],
    chosen: Keys | None,
    k: int,
    floor: float,
    spread: Spread = map,
    doubt: float | None = None,
    against: Sequence[EvidenceQuery] = (),
    likely: float = math.inf,
) -> list[Moment]:
    """The `k` strongest moments, strongest first, of those with at least the strength `floor`.

    A moment is a segment with all that `group_segments` adds to it; `likely` is as there. `chosen`:
    sorted keys of the items to look at, None for all. `against` are looks at what must not be there
    (`mm.spaces.types.Question`). `doubt` is None for the exact answer, or how many standard
    deviations an estimate may be wrong by before a piece is missed. Raises `SpaceMismatch` for
    probes of another dimension.
    """
    scans = [
        Scan(part, own, items, doubt, [probe for probe in against if probe.kind in part.kinds])
        for part, items in snapshot.select_parts(chosen)
        if (own := [probe for probe in probes if probe.kind in part.kinds])
    ]
    count = max(FIRST, 2 * k)
    _fetch(spread, scans, count)
    ahead, sure = AHEAD * k, np.inf
    while True:
        while sum(len(scan.given) for scan in scans) < ahead and (more := [scan for scan in scans if scan.rest > floor]):
            count *= GROWTH
            _fetch(spread, more, count)
        sure = max(floor, min(sure, _nth([scan.ceilings for scan in scans], ahead)))
        while more := [scan for scan in scans if scan.rest > sure]:
            count *= GROWTH
            _fetch(spread, more, count)
        for scan in scans:
            scan.look(sure, floor)
        moments = sorted(
            (moment for scan in scans for moment in scan.moments(k, floor, likely)),
            key=lambda moment: (-moment.strength, moment.segment),
        )[:k]
        if sure <= floor or (len(moments) == k and moments[-1].strength >= sure):
            return moments
        if len(moments) == k:  # next, all that could be as good as the last of these
            sure = moments[-1].strength
        else:
            ahead *= GROWTH


def _fetch(spread: Spread, scans: Sequence[Scan], count: int) -> None:
    for _ in spread(partial(Scan.fetch, count=count), scans):
        pass


def _nth(ceilings: Sequence[Floats], n: int) -> float:
    """The n-th largest, -inf if there are fewer."""
    values = np.concatenate(ceilings) if ceilings else np.empty(0)
    return float(np.partition(values, len(values) - n)[len(values) - n]) if n <= len(values) else -np.inf


@dataclass(eq=False)
class Scan:
    """One search in one part."""

    part: Part
    probes: Sequence[EvidenceQuery]
    items: Mask | None
    """Items that may be looked at, None for all."""
    doubt: float | None
    against: Sequence[EvidenceQuery]
    rest: float = field(init=False, default=-np.inf)
    """What the strength of a segment that was not given cannot exceed; -inf if all were."""
    given: npt.NDArray[np.int32] = field(init=False)
    """Segments that some kind gave, sorted."""
    ceilings: Floats = field(init=False)
    """What their strengths cannot exceed."""

    def __post_init__(self) -> None:
        self._known = np.empty(0, dtype=np.int64)  # segments that were looked at, sorted
        self._strength = np.empty(0)

    def fetch(self, count: int) -> None:
        """Ask for the best `count` pieces of each kind."""
        tops = [self.part.kinds[probe.kind].top(probe.weight, count, self.items, self.doubt) for probe in self.probes]
        rests = [float(strengths(top.rest + probe.bias)) for top, probe in zip(tops, self.probes, strict=True)]
        pieces = [self.part.kinds[probe.kind].rows.segment[top.rows] for top, probe in zip(tops, self.probes, strict=True)]
        self.given = np.unique(np.concatenate(pieces))
        self.ceilings = np.zeros(len(self.given))
        for top, probe, rest, segments in zip(tops, self.probes, rests, pieces, strict=True):
            most = np.full(len(self.given), rest)
            np.maximum.at(most, np.searchsorted(self.given, segments), strengths(top.most.astype(np.float64) + probe.bias))
            self.ceilings += most
        self.rest = -np.inf if all(top.rest == -np.inf for top in tops) else sum(rests)

    def look(self, sure: float, floor: float) -> None:
        """Find out the strength of every segment that may have at least the strength `sure`, itself
        at least `floor`, and of all around it that its moment may reach."""
        self._look_at(self.given[self.ceilings >= sure])
        touching, joined = self.part.segments.touching, self.part.segments.joined
        edge = around = self._known[self._strength >= sure]
        while len(edge):
            before = edge[touching[edge]] - 1
            after = edge[edge + 1 < len(touching)] + 1
            after = after[touching[after]]
            in_shot = np.concatenate([before[joined[before + 1]], after[joined[after]]])
            edge = _without(np.unique(np.concatenate([before, after])), around)
            self._look_at(edge)
            strength = self._strength[np.searchsorted(self._known, edge)]
            edge = edge[(strength >= floor) & ((strength >= ACROSS * sure) | np.isin(edge, in_shot))]
            around = np.sort(np.concatenate([around, edge]))

    def moments(self, k: int, floor: float, likely: float) -> list[Moment]:
        """The `k` strongest moments with at least the strength `floor` out of the segments looked
        at."""
        return group_segments(self.part, self._known, self._strength, k, floor, likely)

    def _look_at(self, segments: npt.NDArray[np.integer]) -> None:
        """Find out the strengths of segments, which are sorted."""
        new = _without(segments.astype(np.int64), self._known)
        if len(new) == 0:
            return
        total, found = np.zeros(len(new)), np.zeros(len(new), dtype=np.bool_)
        for probe in self.probes:
            products, rows = self.part.kinds[probe.kind].best(probe.weight, new)
            total += strengths(products.astype(np.float64) + probe.bias)
            found |= rows >= 0
        if self.against:  # it only takes away, so that ceilings hold without it
            unwanted = np.zeros(len(new))
            for probe in self.against:
                products, _ = self.part.kinds[probe.kind].best(probe.weight, new)
                unwanted += strengths(products.astype(np.float64) + probe.bias)
            total = but_without(total, unwanted)
        known = np.concatenate([self._known, new])
        order = np.argsort(known, kind="stable")
        self._known = known[order]
        self._strength = np.concatenate([self._strength, np.where(found, total, NOT_FOUND)])[order]


def _without(values: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Those of the values that are not among others; both are sorted."""
    if len(others) == 0:
        return values
    at = np.minimum(np.searchsorted(others, values), len(others) - 1)
    new: npt.NDArray[np.int64] = values[others[at] != values]
    return new
