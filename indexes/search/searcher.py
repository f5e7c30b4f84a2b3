"""Search in one space: queries and filters to ranked hits, over a snapshot of the index."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import numpy as np

from indexes.search.follower import IndexFollower
from indexes.search.fusion import strength_from_probability
from indexes.search.hits import SearchHit, load_hits
from indexes.search.near_duplicates import find_distinct_moments
from indexes.search.top_k import find_top_moments
from mm.errors import InvalidInput, SpaceMismatch, Unavailable
from mm.runtimes.registry import count_usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.search.grouping import Moment
    from indexes.store import Store
    from indexes.vectors.snapshot import Snapshot
    from mm.numerics import Float64
    from mm.schemas import Filters
    from mm.settings import Settings
    from mm.spaces.types import EvidenceQuery, Query, SpaceId

READY_SECONDS = 10.0
"""Longest wait of a search for the index to be read for the first time."""
EXACT_LIMIT = 50_000
"""Vectors of the query's kinds up to which every one is scored."""
SAMPLE = 2048
"""Rows whose log-odds stand for those of the library."""
ERROR_BOUND = 4.0
"""Standard deviations of error that an approximate search allows for: a row whose estimate is
further off can be missed."""


class Searcher:
    """Searches the items of the catalog in one space.

    A search finds what was committed before it, unless another process delays the index. The
    follower's threads run inside a `with` block. Safe to share between threads, not across a fork.
    """

    def __init__(self, store: Store, space_id: SpaceId, settings: Settings) -> None:
        self.follower = IndexFollower(store, space_id, settings.refresh_seconds)
        self._catalog = store.catalog
        self._space = space_id
        self._method = settings.search
        self._pool = ThreadPoolExecutor(count_usable_cores(), thread_name_prefix="scan")  # FAISS uses one core for a call
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(self._pool.shutdown)
        self._stack.enter_context(self.follower)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def search(
        self,
        query: Query,
        k: int,
        filters: Filters,
        floor: float,
        *,
        likely: float | None = None,
        merge_near_duplicates: bool = True,
    ) -> list[SearchHit]:
        """The `k` best moments of the filtered items with a probability of at least `floor`.

        Adjacent matching segments are one hit (`grouping`), and so are near-duplicates
        (`near_duplicates`) where the space has a cosine for them. A hit with a probability of at
        least `likely` extends only over segments that reach `likely` too; None applies `floor` to
        all. The results are those of `search_brute_force`, unless the settings or the size of the
        library make the search approximate: then a hit can be missing; scores are exact. Raises
        `SpaceMismatch` for a query of another space, `InvalidInput`, `Unavailable`.
        """
        _check_query(query, self._space, k, floor)
        if not self.follower.wait_until_ready(READY_SECONDS):  # an incomplete index would return no match
            raise Unavailable(f"The index is still being read or built. {self.follower.refresh_error}".rstrip())
        self.follower.catch_up()
        selected = self._catalog.select_items(filters)
        item_pks = None if selected is None else np.fromiter(sorted(selected), dtype=np.int64, count=len(selected))
        snapshot = self.follower.snapshot
        error_bound = None if self._is_exact(snapshot, query.evidence_queries) else ERROR_BOUND

        def find_top(count: int) -> list[Moment]:
            return find_top_moments(
                snapshot,
                query.evidence_queries,
                item_pks,
                count,
                strength_from_probability(floor),
                self._pool.map,
                error_bound,
                query.negations,
                math.inf if likely is None else strength_from_probability(likely),
            )

        if merge_near_duplicates and query.near_duplicate_cosine is not None:
            moments = find_distinct_moments(find_top, query.evidence_queries, k, query.near_duplicate_cosine)
        else:
            moments = find_top(k)
        return load_hits(self._catalog, moments, query.evidence_queries)

    def sample_logits(self, query: EvidenceQuery, size: int = SAMPLE) -> tuple[int, Float64]:
        """The number of rows of the kind of a query, and the log-odds of `size` of them, or of all.

        Rows are taken at equal distances, those of deleted items included until they are merged.
        """
        parts = [part.kinds[query.kind] for part in self.follower.snapshot.parts if query.kind in part.kinds]
        count = sum(map(len, parts))
        step = max(1, count // size)
        logits = [query.logits(index.decode(np.arange(0, len(index), step))) for index in parts if len(index)]
        return count, np.concatenate([np.zeros(0), *logits]).astype(np.float64)

    def _is_exact(self, snapshot: Snapshot, evidence_queries: Sequence[EvidenceQuery]) -> bool:
        if self._method != "auto":
            return self._method == "exact"
        kinds = {query.kind for query in evidence_queries}
        return sum(len(index) for part in snapshot.parts for kind, index in part.kinds.items() if kind in kinds) <= EXACT_LIMIT


def _check_query(query: Query, space: SpaceId, k: int, floor: float) -> None:
    if query.space != space:
        raise SpaceMismatch(f"The query is encoded in the space {query.space}, the index in {space}.")
    if k < 1 or not 0.0 <= floor <= 1.0:
        raise InvalidInput(f"k is {k} and the score threshold {floor}; k must be at least 1, the threshold between 0 and 1.")
    kinds = [evidence_query.kind for evidence_query in query.evidence_queries]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput("The query has two evidence queries of the same kind.")
    for evidence_query in (*query.evidence_queries, *query.negations):
        if not (np.isfinite(evidence_query.weight).all() and math.isfinite(evidence_query.bias)):
            raise InvalidInput("The vectors of the query are not finite.")
