"""Brute-force search: the reference implementation of `indexes.search.searcher`.

It scores every segment in plain Python and uses no index.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexes.search.fusion import strength_from_probability
from indexes.search.grouping import CUT_STRENGTH_RATIO
from indexes.search.hits import SearchEvidence, SearchHit
from indexes.search.near_duplicates import DEPTH_FACTOR
from indexes.vectors.parts import ADJACENT_SECONDS
from mm.media.types import Capture
from mm.numerics import normalize_rows
from mm.places.names import matches_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from indexes.catalog.records import EvidenceRow, ItemRow
    from indexes.storage.shards import Half
    from indexes.store import Store
    from mm.schemas import EvidenceKind, Filters
    from mm.spaces.types import Query

    Content = tuple[set[EvidenceKind], dict[EvidenceKind, npt.NDArray[np.float64]]]
    """Kinds that are compared of a moment, and its unit vectors by kind."""
    ScoredSegment = tuple[EvidenceRow, SearchHit]
    """A piece of evidence of a segment, and the hit that the segment alone would be."""


def search_brute_force(
    store: Store,
    query: Query,
    k: int,
    filters: Filters,
    floor: float,
    *,
    likely: float | None = None,
    merge_near_duplicates: bool = True,
) -> list[SearchHit]:
    """What `Searcher.search` returns after a refresh."""
    hits = score_all_moments(store, query, filters, floor, likely)
    if not merge_near_duplicates or query.near_duplicate_cosine is None:
        return hits[:k]
    read_content = _content_reader(store, query)
    count = DEPTH_FACTOR * k
    while True:
        distinct = _group_near_duplicates(hits[:count], read_content, query.near_duplicate_cosine)
        if len(distinct) >= k or count >= len(hits):
            return distinct[:k]
        count *= DEPTH_FACTOR


def score_all_moments(store: Store, query: Query, filters: Filters, floor: float, likely: float | None = None) -> list[SearchHit]:
    """All moments that reach the floor, best first, near-duplicates included."""
    catalog, space = store.catalog, query.space
    vectors = functools.cache(lambda shard_id: store.shards.read(shard_id, space).vectors)
    published = catalog.get_changes_after(0, space, 1 << 62).publications
    rows = catalog.list_evidence([row.item_pk for row in published], space)
    hits: list[SearchHit] = []
    for _, of_item in groupby(rows, lambda row: row.item_pk):
        evidence = list(of_item)
        shown = catalog.get_evidence([row.pk for row in evidence])
        item = catalog.get_item(shown[evidence[0].pk].item_id)
        if item is None or not passes(item, filters):
            continue
        scored: list[ScoredSegment] = []
        for _, of_segment in groupby(evidence, lambda row: row.segment_index):
            pieces = list(of_segment)
            hit = _score(shown, vectors, item.id, pieces, query)
            if hit is not None and hit.score >= floor:
                scored.append((pieces[0], hit))
        hits += _group_segments(scored, likely)
    return sorted(hits, key=lambda hit: -hit.score)


def _content_reader(store: Store, query: Query) -> Callable[[SearchHit], Content]:
    """A function that reads what near-duplicate grouping compares of the best segment of a hit.

    Compared are `picture` and the kind that matched, except `name`. Vectors are of all kinds of the
    query.
    """
    catalog, space = store.catalog, query.space
    vectors = functools.cache(lambda shard_id: store.shards.read(shard_id, space).vectors)

    def read_content(hit: SearchHit) -> Content:
        segment = catalog.get_segment_at(hit.item_id, space, hit.best_start)
        assert segment is not None
        units: dict[EvidenceKind, npt.NDArray[np.float64]] = {}
        compared: set[EvidenceKind] = {"picture", hit.evidence[0].kind}
        for kind in compared | {evidence_query.kind for evidence_query in query.evidence_queries}:
            weight = next((each.weight for each in query.evidence_queries if each.kind == kind), None)
            rows = [
                vectors(piece.shard_id)[piece.kind][piece.row].astype(np.float64)
                for piece in segment.evidence
                if piece.kind == kind
            ]
            if rows:
                best = max(rows, key=lambda row: 0.0 if weight is None else float(row @ weight))
                units[kind] = normalize_rows(best[None])[0]
        return compared - {"name"}, units

    return read_content


def _group_near_duplicates(
    hits: Sequence[SearchHit], read_content: Callable[[SearchHit], Content], min_cosine: float
) -> list[SearchHit]:
    groups: list[tuple[SearchHit, Content, list[SearchHit]]] = []
    for hit in hits:
        content = read_content(hit)
        for first, other, duplicates in groups:
            if (
                first.item_id != hit.item_id
                and _has_duration(first) == _has_duration(hit)
                and _is_duplicate(content, other, min_cosine)
            ):
                duplicates.append(hit)
                break
        else:
            groups.append((hit, content, []))
    return [replace(first, near_duplicates=tuple(duplicates)) for first, _, duplicates in groups]


def _is_duplicate(content: Content, other: Content, min_cosine: float) -> bool:
    kinds = [kind for kind in content[0] if kind in content[1] or kind in other[1]]
    return any(kind != "sound" for kind in kinds) and all(
        kind in content[1] and kind in other[1] and float(content[1][kind] @ other[1][kind]) >= min_cosine for kind in kinds
    )


def _has_duration(hit: SearchHit) -> bool:
    return hit.best_end > hit.best_start


def passes(item: ItemRow, filters: Filters) -> bool:
    """Whether an item passes the filters."""
    return (
        (not filters.kinds or item.kind in filters.kinds)
        and (not filters.items or item.id in filters.items)
        and set(filters.tags) <= set(item.tags)
        and (filters.uploaded_after is None or item.created_at >= _with_timezone(filters.uploaded_after))
        and (filters.uploaded_before is None or item.created_at < _with_timezone(filters.uploaded_before))
        and _passes_capture(item.capture or Capture(), filters)
        and (not filters.place or matches_place(item.place, filters.place))
    )


def _passes_capture(capture: Capture, filters: Filters) -> bool:
    taken = None if capture.taken_at is None else capture.taken_at.replace(tzinfo=None)
    return (
        (filters.taken_after is None or (taken is not None and taken >= filters.taken_after))
        and (filters.taken_before is None or (taken is not None and taken < filters.taken_before))
        and (filters.camera or "").lower() in f"{capture.make} {capture.model}".lower()
        and filters.has_place in (None, capture.latitude is not None)
    )


def _score(
    shown: Mapping[int, EvidenceRow],
    vectors: Callable[[str], Mapping[str, Half]],
    item_id: str,
    pieces: Sequence[EvidenceRow],
    query: Query,
) -> SearchHit | None:
    best: dict[EvidenceKind, SearchEvidence] = {}
    for row in pieces:
        for evidence_query in query.evidence_queries:
            if evidence_query.kind != row.kind:
                continue
            vector = vectors(row.shard_id)[row.kind][row.row].astype(np.float64)
            score = 1.0 / (1.0 + math.exp(-(float(vector @ evidence_query.weight) + evidence_query.bias)))
            if row.kind not in best or score > best[row.kind].score:
                piece = shown[row.pk]
                cosine = float(vector @ evidence_query.direction)
                best[row.kind] = SearchEvidence(row.kind, score, cosine, piece.start, piece.end, piece.text, piece.language)
    if not best:
        return None
    score = 1.0 - math.prod(1.0 - piece.score for piece in best.values())
    for negation in query.negations:
        of_kind = [vectors(row.shard_id)[row.kind][row.row].astype(np.float64) for row in pieces if row.kind == negation.kind]
        score *= min((1.0 / (1.0 + math.exp(float(vector @ negation.weight) + negation.bias)) for vector in of_kind), default=1.0)
    in_query_order = [best[each.kind] for each in query.evidence_queries if each.kind in best]
    evidence = sorted(in_query_order, key=lambda piece: -piece.score)
    start, end = pieces[0].segment_start, pieces[0].segment_end
    return SearchHit(item_id, start, end, start, end, score, evidence, shown[pieces[0].pk].scene)


def _group_segments(scored: Sequence[ScoredSegment], likely: float | None) -> list[SearchHit]:
    """The moments of one item, from its segments that reach the floor, in order of time."""
    ungrouped = dict(enumerate(scored))
    moments: list[SearchHit] = []
    for best in sorted(ungrouped, key=lambda number: -scored[number][1].score):
        if best not in ungrouped:
            continue
        cut_min = CUT_STRENGTH_RATIO * strength_from_probability(scored[best][1].score)
        score_min = likely if likely is not None and scored[best][1].score >= likely else 0.0
        first = last = best
        while last + 1 in ungrouped and _extends(scored[last][0], scored[last + 1][0], scored[last + 1][1], cut_min, score_min):
            last += 1
        while first - 1 in ungrouped and _extends(
            scored[first - 1][0], scored[first][0], scored[first - 1][1], cut_min, score_min
        ):
            first -= 1
        for number in range(first, last + 1):
            del ungrouped[number]
        moments.append(replace(scored[best][1], start=scored[first][1].start, end=scored[last][1].end))
    return moments


def _extends(before: EvidenceRow, after: EvidenceRow, added: SearchHit, cut_min: float, score_min: float) -> bool:
    """Whether a moment extends from one of two neighbours to the other, whose hit is `added`."""
    is_adjacent = after.segment_start - before.segment_end <= ADJACENT_SECONDS
    is_strong = before.shot == after.shot or strength_from_probability(added.score) >= cut_min
    return is_adjacent and added.score >= score_min and is_strong


def _with_timezone(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
