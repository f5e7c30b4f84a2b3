"""The threshold algorithm (Fagin, Lotem, Naor 2003): the top k moments from FAISS results.

Each kind of evidence is one sorted list. Sorted access returns its best rows, an upper bound for
each of them, and an upper bound for all other rows. The sum of these bounds over the kinds is an
upper bound for the strength of each segment, and of every segment that no list returned: the
threshold. Random access computes the exact strength from the vectors, for segments whose bound
reaches the k-th best moment. The search ends when the threshold is below that moment. The results
are exact where the bounds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.search.fusion import Floats, apply_negations, strengths_from_logits
from indexes.search.grouping import CUT_STRENGTH_RATIO, Moment, group_segments
from indexes.vectors.kind_index import Keys, Mask
from indexes.vectors.parts import Part

if TYPE_CHECKING:
    from indexes.vectors.snapshot import Snapshot
    from mm.spaces.types import EvidenceQuery

INITIAL_DEPTH = 256
"""Rows that the first sorted access reads, of each part and kind."""
CANDIDATES_PER_RESULT = 4
"""Segments that get random access at first, for each requested moment."""
DEPTH_FACTOR = 4
"""Growth of both where they do not suffice."""
NO_EVIDENCE = -1.0
"""Strength of a segment without evidence of the kinds of the query: below every floor."""

ParallelMap = Callable[[Callable[["PartSearch"], None], Sequence["PartSearch"]], Iterable[None]]
"""`map`, or that of a thread pool, which searches several parts at once."""


def find_top_moments(
    snapshot: Snapshot,
    evidence_queries: Sequence[EvidenceQuery],
    item_pks: Keys | None,
    k: int,
    floor: float,
    parallel_map: ParallelMap = map,
    error_bound: float | None = None,
    negations: Sequence[EvidenceQuery] = (),
    likely: float = math.inf,
) -> list[Moment]:
    """The `k` strongest moments with at least the strength `floor`, strongest first.

    Moments are grouped by `group_segments`, which also describes `likely`. `item_pks` are the
    sorted keys of the items to search, None for all. `negations` are described in
    `mm.spaces.types.Query`. `error_bound` is None for exact results; else upper bounds allow for an
    error of so many standard deviations of an approximate inner product, and a row with a larger
    error can be missed. Raises `SpaceMismatch` for queries of another dimension.
    """
    searches = [
        PartSearch(part, queries, item_mask, error_bound, [query for query in negations if query.kind in part.kinds])
        for part, item_mask in snapshot.select_parts(item_pks)
        if (queries := [query for query in evidence_queries if query.kind in part.kinds])
    ]
    depth = max(INITIAL_DEPTH, 2 * k)
    _sorted_access(parallel_map, searches, depth)
    num_candidates, cutoff = CANDIDATES_PER_RESULT * k, np.inf
    while True:
        while sum(len(search.candidates) for search in searches) < num_candidates and (
            unfinished := [search for search in searches if search.threshold > floor]
        ):
            depth *= DEPTH_FACTOR
            _sorted_access(parallel_map, unfinished, depth)
        cutoff = max(floor, min(cutoff, _nth_largest([search.upper_bounds for search in searches], num_candidates)))
        while unfinished := [search for search in searches if search.threshold > cutoff]:
            depth *= DEPTH_FACTOR
            _sorted_access(parallel_map, unfinished, depth)
        for search in searches:
            search.random_access(cutoff, floor)
        moments = sorted(
            (moment for search in searches for moment in search.group_moments(k, floor, likely)),
            key=lambda moment: (-moment.strength, moment.segment),
        )[:k]
        if cutoff <= floor or (len(moments) == k and moments[-1].strength >= cutoff):
            return moments
        if len(moments) == k:  # next, every segment whose bound reaches the last of these
            cutoff = moments[-1].strength
        else:
            num_candidates *= DEPTH_FACTOR


def _sorted_access(parallel_map: ParallelMap, searches: Sequence[PartSearch], depth: int) -> None:
    for _ in parallel_map(partial(PartSearch.sorted_access, depth=depth), searches):
        pass


def _nth_largest(bounds: Sequence[Floats], n: int) -> float:
    """The n-th largest of all values, -inf if there are fewer."""
    values = np.concatenate(bounds) if bounds else np.empty(0)
    return float(np.partition(values, len(values) - n)[len(values) - n]) if n <= len(values) else -np.inf


@dataclass(eq=False)
class PartSearch:
    """State of one search in one part."""

    part: Part
    evidence_queries: Sequence[EvidenceQuery]
    item_mask: Mask | None
    """(I,) items to search, None for all."""
    error_bound: float | None
    negations: Sequence[EvidenceQuery]
    threshold: float = field(init=False, default=-np.inf)
    """Upper bound for the strength of every segment that is no candidate; -inf if there is none."""
    candidates: npt.NDArray[np.int32] = field(init=False)
    """(C,) segments that sorted access returned for any kind, sorted."""
    upper_bounds: Floats = field(init=False)
    """(C,) upper bounds for their strengths."""

    def __post_init__(self) -> None:
        self._scored = np.empty(0, dtype=np.int64)  # segments with an exact strength, sorted
        self._strength = np.empty(0)

    def sorted_access(self, depth: int) -> None:
        """Read the best `depth` rows of each kind."""
        queries = self.evidence_queries
        tops = [self.part.kinds[query.kind].search(query.weight, depth, self.item_mask, self.error_bound) for query in queries]
        rest_bounds = [
            float(strengths_from_logits(top.rest_bound + query.bias)) for top, query in zip(tops, queries, strict=True)
        ]
        segments = [self.part.kinds[query.kind].rows.segment[top.rows] for top, query in zip(tops, queries, strict=True)]
        self.candidates = np.unique(np.concatenate(segments))
        self.upper_bounds = np.zeros(len(self.candidates))
        for top, query, rest_bound, own in zip(tops, queries, rest_bounds, segments, strict=True):
            bounds = np.full(len(self.candidates), rest_bound)
            logits = top.upper_bounds.astype(np.float64) + query.bias
            np.maximum.at(bounds, np.searchsorted(self.candidates, own), strengths_from_logits(logits))
            self.upper_bounds += bounds
        self.threshold = -np.inf if all(top.rest_bound == -np.inf for top in tops) else sum(rest_bounds)

    def random_access(self, cutoff: float, floor: float) -> None:
        """Score candidates whose upper bound reaches `cutoff`, and the segments around them."""
        self._score(self.candidates[self.upper_bounds >= cutoff])
        adjacent, adjacent_in_shot = self.part.segments.adjacent, self.part.segments.adjacent_in_shot
        frontier = visited = self._scored[self._strength >= cutoff]
        while len(frontier):
            before = frontier[adjacent[frontier]] - 1
            after = frontier[frontier + 1 < len(adjacent)] + 1
            after = after[adjacent[after]]
            in_shot = np.concatenate([before[adjacent_in_shot[before + 1]], after[adjacent_in_shot[after]]])
            frontier = _difference(np.unique(np.concatenate([before, after])), visited)
            self._score(frontier)
            strength = self._strength[np.searchsorted(self._scored, frontier)]
            can_extend = (strength >= CUT_STRENGTH_RATIO * cutoff) | np.isin(frontier, in_shot)
            frontier = frontier[(strength >= floor) & can_extend]
            visited = np.sort(np.concatenate([visited, frontier]))

    def group_moments(self, k: int, floor: float, likely: float) -> list[Moment]:
        """The `k` strongest moments of the scored segments with at least the strength `floor`."""
        return group_segments(self.part, self._scored, self._strength, k, floor, likely)

    def _score(self, segments: npt.NDArray[np.integer]) -> None:
        """Compute the strengths of sorted segments, where they are not known yet."""
        new = _difference(segments.astype(np.int64), self._scored)
        if len(new) == 0:
            return
        total, has_evidence = np.zeros(len(new)), np.zeros(len(new), dtype=np.bool_)
        for query in self.evidence_queries:
            products, rows = self.part.kinds[query.kind].best_per_segment(query.weight, new)
            total += strengths_from_logits(products.astype(np.float64) + query.bias)
            has_evidence |= rows >= 0
        if self.negations:  # they only decrease a strength: upper bounds hold without them
            negation = np.zeros(len(new))
            for query in self.negations:
                products, _ = self.part.kinds[query.kind].best_per_segment(query.weight, new)
                negation += strengths_from_logits(products.astype(np.float64) + query.bias)
            total = apply_negations(total, negation)
        scored = np.concatenate([self._scored, new])
        order = np.argsort(scored, kind="stable")
        self._scored = scored[order]
        self._strength = np.concatenate([self._strength, np.where(has_evidence, total, NO_EVIDENCE)])[order]


def _difference(values: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The values that are not in `others`; both are sorted."""
    if len(others) == 0:
        return values
    at = np.minimum(np.searchsorted(others, values), len(others) - 1)
    new: npt.NDArray[np.int64] = values[others[at] != values]
    return new
