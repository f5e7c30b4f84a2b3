"""Evaluates saved searches against the items that became searchable or got new evidence."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

from api.saved.searches import make_request
from api.search.bands import ORDER
from api.search.decode import DecodedFiles
from api.search.execute import run_search
from api.search.request import SearchInput
from indexes.catalog.changes.commit_thread import CommitThread
from indexes.catalog.records import NewMatch
from mm.errors import InvalidInput, MMError, NotFound, TooLarge, Unavailable
from mm.schemas import SavedQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from indexes.catalog.records import Evaluation
    from mm.schemas import Hit
    from mm.spaces.types import SpaceId

BATCH = 200
"""Publications that a search is evaluated against at once."""
CONTEXT = 10
"""Best hits of the library that stand beside the new items: the band of a hit depends on them."""
HITS_PER_ITEM = 4
FACTOR = 4
"""Growth of the number of hits until all hits of the new items are among them."""
NICENESS = 10
"""Of the thread: searches that someone waits for come first."""
RETRY_SECONDS = 5.0


class SearchEvaluator:
    """Evaluates at its start and after each commit; what was published meanwhile is not lost.

    The catalog has the position of each search, which moves in the transaction that stores the
    matches. Several processes may evaluate a search: one of them stores the result. The thread runs
    inside a `with` block.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._is_nice = False
        self._thread = CommitThread(
            service.store.watch, "saved searches", self._evaluate_at_commit, "saved searches not evaluated", RETRY_SECONDS
        )

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.__exit__(*error)

    def evaluate(self) -> int:
        """Evaluate all enabled searches. Returns the number of new matches.

        Does nothing before the towers are loaded. A search that fails keeps its position and stops
        no other one. Raises `MMError`.
        """
        found, failures = 0, dict[int, MMError]()
        with self._lock:
            while self._is_ready():
                space, evaluations = self._list_evaluations()
                evaluations = [evaluation for evaluation in evaluations if evaluation.search_pk not in failures]
                if not evaluations:
                    break
                for evaluation in evaluations:
                    try:
                        matches = self._find_matches(evaluation, space)
                    except (InvalidInput, NotFound, TooLarge) as error:
                        failures[evaluation.search_pk] = type(error)(f"Saved search {evaluation.name!r}: {error}")
                        continue
                    found += self._service.store.catalog.record_matches(evaluation, space, matches)
        if failures:
            raise next(iter(failures.values()))
        return found

    def _is_ready(self) -> bool:
        return self._service.spaces.current.is_ready

    def _list_evaluations(self) -> tuple[SpaceId, list[Evaluation]]:
        """What is to be evaluated in the space that is searched, with an index that has it."""
        with self._service.spaces.acquire() as served:
            evaluations = self._service.store.catalog.list_evaluations(served.space.id, BATCH)
            if evaluations:
                served.searcher.follower.catch_up()
            if any(evaluation.upto > served.searcher.follower.snapshot.upto for evaluation in evaluations):
                raise Unavailable("The index does not have the new items yet.")
            return served.space.id, evaluations

    def _find_matches(self, evaluation: Evaluation, space: SpaceId) -> list[NewMatch]:
        """The best hit of each new item, if its band suffices. Scores and bands are those of a
        search of the library."""
        query = SavedQuery.model_validate_json(evaluation.query)
        matches: list[NewMatch] = []
        context: list[str] | None = None
        for start in range(0, len(evaluation.item_ids), BATCH):
            new = evaluation.item_ids[start : start + BATCH]
            if context is None:
                context = list(dict.fromkeys(hit.item.id for hit in self._search(query, CONTEXT, space)))
            best: dict[str, Hit] = {}
            for hit in self._search_items(query, [*dict.fromkeys([*new, *context])], space):
                best.setdefault(hit.item.id, hit)
            chosen = [best[item_id] for item_id in new if item_id in best]
            matches += [_make_match(hit) for hit in chosen if ORDER[hit.band] <= ORDER[evaluation.band]]
        return matches

    def _search_items(self, query: SavedQuery, item_ids: Sequence[str], space: SpaceId) -> list[Hit]:
        """All hits of some items, the surest band first, and in a band the best score first."""
        among = query.model_copy(update={"filters": query.filters.model_copy(update={"items": list(item_ids)})})
        count = HITS_PER_ITEM * len(item_ids)
        while len(hits := self._search(among, count, space)) == count:
            count *= FACTOR
        return hits

    def _search(self, query: SavedQuery, k: int, space: SpaceId) -> list[Hit]:
        search = SearchInput(make_request(query, k))
        response = run_search(self._service, search, DecodedFiles(), time.perf_counter(), reads_parts=False)
        if response.space != str(space):
            raise Unavailable(f"The library moved from {space} to {response.space} during the evaluation.")
        return response.hits

    def _evaluate_at_commit(self) -> float | None:
        """Evaluate, and again soon while the towers are not loaded."""
        if not self._is_nice:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # of this thread alone, on Linux
            self._is_nice = True
        self.evaluate()
        return None if self._is_ready() else RETRY_SECONDS


def _make_match(hit: Hit) -> NewMatch:
    return NewMatch(hit.item.id, hit.start, hit.end, hit.best_start, hit.best_end, hit.score, hit.band)
