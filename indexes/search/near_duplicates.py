"""Near-duplicate grouping: moments of different items with the same content become one hit.

An image uploaded twice, in another size or quality, and a shot that several videos share have
almost the same vectors. A moment is merged into a stronger one of another item when their
`picture` vectors are similar and, if the query matched by another kind of evidence, the vectors of
that kind are similar too: two lectures with the same slide stay two results for a query that
matches their speech. An image and a video that shows it stay two results, and so do `sound` matches
without a `picture`: two recordings of rain are as similar as two copies of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from indexes.search.grouping import Moment
from mm.numerics import normalize_rows
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from mm.spaces.types import EvidenceQuery, Vector

DEPTH_FACTOR = 2
"""Moments compared at first for each requested hit: near-duplicates have similar scores."""


def find_distinct_moments(
    find_top: Callable[[int], Sequence[Moment]], evidence_queries: Sequence[EvidenceQuery], k: int, min_cosine: float
) -> list[Moment]:
    """The `k` strongest moments without near-duplicates of each other, strongest first.

    `find_top(n)` returns the `n` strongest moments. They are compared to twice the depth of `k`,
    and deeper until `k` distinct ones are found; near-duplicates below that depth are not reported.
    Two pieces of evidence are similar from the cosine `min_cosine` on.
    """
    count = DEPTH_FACTOR * k
    while True:
        moments = find_top(count)
        distinct = group_near_duplicates(moments, evidence_queries, min_cosine)
        if len(distinct) >= k or len(moments) < count:
            return distinct[:k]
        count *= DEPTH_FACTOR


def group_near_duplicates(
    moments: Sequence[Moment], evidence_queries: Sequence[EvidenceQuery], min_cosine: float
) -> list[Moment]:
    """Merge each moment, strongest first, into the first distinct moment that it duplicates."""
    distinct: list[_Content] = []
    groups: list[list[Moment]] = []
    for moment, content in zip(moments, _contents(moments, evidence_queries), strict=True):
        original = next((number for number, other in enumerate(distinct) if content.is_duplicate_of(other, min_cosine)), None)
        if original is None:
            distinct.append(content)
            groups.append([moment])
        else:
            groups[original].append(moment)
    return [replace(group[0], near_duplicates=tuple(group[1:])) for group in groups]


@dataclass(eq=False)
class _Content:
    """What is compared of one moment: of its best segment, the best vector of each kind."""

    item: int
    has_duration: bool
    vectors: dict[EvidenceKind, Vector] = field(default_factory=dict)
    max_logit: float = -math.inf
    matched_kind: EvidenceKind = "picture"

    def is_duplicate_of(self, other: _Content, min_cosine: float) -> bool:
        if self.item == other.item or self.has_duration != other.has_duration:
            return False
        kinds: set[EvidenceKind] = {"picture", self.matched_kind}
        compared = {kind for kind in kinds - {"name"} if kind in self.vectors or kind in other.vectors}
        return bool(compared - {"sound"}) and all(self._is_similar(other, kind, min_cosine) for kind in compared)

    def _is_similar(self, other: _Content, kind: EvidenceKind, min_cosine: float) -> bool:
        vector, other_vector = self.vectors.get(kind), other.vectors.get(kind)
        return vector is not None and other_vector is not None and float(vector @ other_vector) >= min_cosine


def _contents(moments: Sequence[Moment], evidence_queries: Sequence[EvidenceQuery]) -> list[_Content]:
    """One for each moment; the moments of a part are read together."""
    contents: list[_Content] = []
    numbers_by_part: dict[str, list[int]] = {}
    for number, moment in enumerate(moments):
        segments, at = moment.part.segments, moment.segment
        contents.append(_Content(int(segments.item_pk[segments.item[at]]), bool(segments.end[at] > segments.start[at])))
        numbers_by_part.setdefault(moment.part.name, []).append(number)
    biases = {query.kind: query.bias for query in evidence_queries}
    for numbers in numbers_by_part.values():
        kinds = moments[numbers[0]].part.kinds
        weights: dict[EvidenceKind, Vector] = {}
        if "picture" in kinds:  # always compared, with or without a query for it
            weights["picture"] = np.zeros(kinds["picture"].dim, dtype=np.float32)
        weights |= {query.kind: query.weight for query in evidence_queries if query.kind in kinds}
        best_segments = np.asarray([moments[number].segment for number in numbers])
        for kind, weight in weights.items():
            products, rows = kinds[kind].best_per_segment(weight, best_segments)
            present = np.flatnonzero(rows >= 0)
            for place, vector in zip(present, normalize_rows(kinds[kind].decode(rows[present])), strict=True):
                content = contents[numbers[place]]
                content.vectors[kind] = vector
                logit = float(products[place]) + biases.get(kind, -math.inf)
                if logit > content.max_logit:
                    content.max_logit, content.matched_kind = logit, kind
    return contents
