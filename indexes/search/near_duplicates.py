"""Near-duplicates: moments of different items that show the same are one answer, not many.

A photo uploaded twice, at another size or quality, and a shot that several films share have almost
the same vectors. A moment is folded into a stronger one of another item when what is seen in both
is alike, and when what carried it, if that is not what is seen, is alike too: two lectures before
the same slide stay two answers to what is said. A photo and the film that shows it stay two as
well, and so do sounds where nothing is seen: two recordings of rain are as close as two copies of
one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from indexes.search.grouping import Moment
from mm.numerics import normalize_rows
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from mm.spaces.types import EvidenceQuery, Vector

DEPTH = 2
"""Moments that are looked at for each hit that is wanted, at first: near-duplicates stand close to
each other in the order."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A moment, and those weaker ones that show the same."""

    moment: Moment
    alike: list[Moment] = field(default_factory=list)


def folded(best: Callable[[int], Sequence[Moment]], probes: Sequence[EvidenceQuery], k: int, alike: float) -> list[Fold]:
    """The `k` best moments that do not show the same, strongest first.

    `best` gives the so many best moments. They are looked at to twice the depth of `k`, and deeper
    until there are `k` that differ; what is alike behind that is not told. `alike` is the cosine
    from which on two pieces of evidence are.
    """
    count = DEPTH * k
    while True:
        moments = best(count)
        folds = fold(moments, probes, alike)
        if len(folds) >= k or len(moments) < count:
            return folds[:k]
        count *= DEPTH


def fold(moments: Sequence[Moment], probes: Sequence[EvidenceQuery], alike: float) -> list[Fold]:
    """Moments, strongest first, each folded into the first before it that shows the same and is not
    folded itself."""
    looks = _looks(moments, probes)
    folds: list[Fold] = []
    first: list[_Look] = []
    for moment, look in zip(moments, looks, strict=True):
        into = next((number for number, other in enumerate(first) if look.shows_the_same_as(other, alike)), None)
        if into is None:
            first.append(look)
            folds.append(Fold(moment))
        else:
            folds[into].alike.append(moment)
    return folds


@dataclass(eq=False)
class _Look:
    """What is compared of one moment: of its best segment, the best piece of each kind."""

    item: int
    lasts: bool
    vectors: dict[EvidenceKind, Vector] = field(default_factory=dict)
    strongest: float = -math.inf
    carried_by: EvidenceKind = "picture"

    def shows_the_same_as(self, other: _Look, alike: float) -> bool:
        if self.item == other.item or self.lasts != other.lasts:
            return False
        kinds: set[EvidenceKind] = {"picture", self.carried_by}
        compared = {kind for kind in kinds - {"name"} if kind in self.vectors or kind in other.vectors}
        return bool(compared - {"sound"}) and all(self._alike(other, kind, alike) for kind in compared)

    def _alike(self, other: _Look, kind: EvidenceKind, least: float) -> bool:
        one, two = self.vectors.get(kind), other.vectors.get(kind)
        return one is not None and two is not None and float(one @ two) >= least


def _looks(moments: Sequence[Moment], probes: Sequence[EvidenceQuery]) -> list[_Look]:
    """One for each moment; the moments of a part are looked at together."""
    looks: list[_Look] = []
    of_part: dict[str, list[int]] = {}
    for number, moment in enumerate(moments):
        segments, at = moment.part.segments, moment.segment
        looks.append(_Look(int(segments.item_pk[segments.item[at]]), bool(segments.end[at] > segments.start[at])))
        of_part.setdefault(moment.part.name, []).append(number)
    biases = {probe.kind: probe.bias for probe in probes}
    for numbers in of_part.values():
        kinds = moments[numbers[0]].part.kinds
        weights: dict[EvidenceKind, Vector] = {}
        if "picture" in kinds:  # compared, asked for or not
            weights["picture"] = np.zeros(kinds["picture"].dim, dtype=np.float32)
        weights |= {probe.kind: probe.weight for probe in probes if probe.kind in kinds}
        best = np.asarray([moments[number].segment for number in numbers])
        for kind, weight in weights.items():
            products, rows = kinds[kind].best(weight, best)
            found = np.flatnonzero(rows >= 0)
            for place, vector in zip(found, normalize_rows(kinds[kind].vectors(rows[found])), strict=True):
                look = looks[numbers[place]]
                look.vectors[kind] = vector
                logit = float(products[place]) + biases.get(kind, -math.inf)
                if logit > look.strongest:
                    look.strongest, look.carried_by = logit, kind
    return looks
