"""Search by scoring everything: the plain twin of `indexes.search`, slow and easy to believe, without an index."""

from __future__ import annotations

import functools
import math
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from indexes.parts import TOUCH_SECONDS
from indexes.search import SearchEvidence, SearchHit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from indexes.rows import FoundEvidence, ItemRow, StoredEvidence
    from indexes.shards import Half
    from indexes.store import Store
    from mm.schemas import EvidenceKind, Filters
    from mm.spaces.types import Question


def search_brute(store: Store, question: Question, k: int, filters: Filters, floor: float) -> list[SearchHit]:
    """What `Searcher.search` returns after a refresh."""
    catalog, space = store.catalog, question.space
    vectors = functools.cache(lambda shard_id: store.shards.read(shard_id, space).vectors)
    published = catalog.changes_after(0, space, 1 << 62).published
    rows = catalog.stored_evidence([row.item_pk for row in published], space)
    hits: list[SearchHit] = []
    for _, of_item in groupby(rows, lambda row: row.item_pk):
        evidence = list(of_item)
        shown = catalog.found_evidence([row.pk for row in evidence])
        item = catalog.get_item(shown[evidence[0].pk].item_id)
        if item is None or not passes(item, filters):
            continue
        run: list[tuple[StoredEvidence, SearchHit]] = []
        for _, of_segment in groupby(evidence, lambda row: row.segment_index):
            pieces = list(of_segment)
            hit = _score(shown, vectors, item.id, pieces, question)
            if hit is None or hit.score < floor:
                continue
            if run and not _touch(run[-1][0], pieces[0]):
                hits.append(_best(run))
                run = []
            run.append((pieces[0], hit))
        if run:
            hits.append(_best(run))
    return sorted(hits, key=lambda hit: -hit.score)[:k]


def passes(item: ItemRow, filters: Filters) -> bool:
    """Whether an item passes the filters."""
    return (
        (not filters.kinds or item.kind in filters.kinds)
        and (not filters.items or item.id in filters.items)
        and set(filters.tags) <= set(item.tags)
        and (filters.uploaded_after is None or item.created_at >= _aware(filters.uploaded_after))
        and (filters.uploaded_before is None or item.created_at < _aware(filters.uploaded_before))
    )


def _score(
    shown: Mapping[int, FoundEvidence],
    vectors: Callable[[str], Mapping[EvidenceKind, Half]],
    item_id: str,
    pieces: Sequence[StoredEvidence],
    question: Question,
) -> SearchHit | None:
    best: dict[EvidenceKind, SearchEvidence] = {}
    for row in pieces:
        for probe in question.probes:
            if probe.kind != row.kind:
                continue
            vector = vectors(row.shard_id)[row.kind][row.row].astype(np.float64)
            score = 1.0 / (1.0 + math.exp(-(float(vector @ probe.weight) + probe.bias)))
            if row.kind not in best or score > best[row.kind].score:
                piece = shown[row.pk]
                cosine = float(vector @ probe.direction)
                best[row.kind] = SearchEvidence(row.kind, score, cosine, piece.start, piece.end, piece.text)
    if not best:
        return None
    score = 1.0 - math.prod(1.0 - piece.score for piece in best.values())
    evidence = sorted(best.values(), key=lambda piece: -piece.score)
    return SearchHit(item_id, pieces[0].segment_start, pieces[0].segment_end, score, evidence)


def _touch(before: StoredEvidence, after: StoredEvidence) -> bool:
    return before.shot == after.shot and after.segment_start - before.segment_end <= TOUCH_SECONDS


def _best(run: Sequence[tuple[StoredEvidence, SearchHit]]) -> SearchHit:
    return max((hit for _, hit in run), key=lambda hit: hit.score)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
