"""Search by scoring everything: the plain twin of `indexes.search.searcher`, slow and easy to
believe, without an index."""

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
from indexes.search.grouping import ACROSS
from indexes.search.near_duplicates import DEPTH
from indexes.search.searcher import SearchEvidence, SearchHit
from indexes.vectors.parts import TOUCH_SECONDS
from mm.numerics import normalize_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from indexes.catalog.records import EvidenceRow, ItemRow
    from indexes.storage.shards import Half
    from indexes.store import Store
    from mm.schemas import EvidenceKind, Filters
    from mm.spaces.types import Query

    Look = tuple[set[EvidenceKind], dict[EvidenceKind, npt.NDArray[np.float64]]]
    """What is compared of a moment, and its unit vectors by kind."""
    Scored = tuple[EvidenceRow, SearchHit]
    """A segment, by a piece of its evidence, and what it would be alone."""


def search_brute_force(
    store: Store, question: Query, k: int, filters: Filters, floor: float, *, likely: float | None = None, fold: bool = True
) -> list[SearchHit]:
    """What `Searcher.search` returns after a refresh."""
    every = score_all_moments(store, question, filters, floor, likely)
    if not fold or question.near_duplicate_cosine is None:
        return every[:k]
    looks = _looks(store, question)
    count = DEPTH * k
    while True:
        folded = _folded(every[:count], looks, question.near_duplicate_cosine)
        if len(folded) >= k or count >= len(every):
            return folded[:k]
        count *= DEPTH


def score_all_moments(
    store: Store, question: Query, filters: Filters, floor: float, likely: float | None = None
) -> list[SearchHit]:
    """All moments that reach the floor, best first, near-duplicates too."""
    catalog, space = store.catalog, question.space
    vectors = functools.cache(lambda shard_id: store.shards.read(shard_id, space).vectors)
    published = catalog.changes_after(0, space, 1 << 62).publications
    rows = catalog.list_evidence([row.item_pk for row in published], space)
    hits: list[SearchHit] = []
    for _, of_item in groupby(rows, lambda row: row.item_pk):
        evidence = list(of_item)
        shown = catalog.get_evidence([row.pk for row in evidence])
        item = catalog.get_item(shown[evidence[0].pk].item_id)
        if item is None or not passes(item, filters):
            continue
        scored: list[Scored] = []
        for _, of_segment in groupby(evidence, lambda row: row.segment_index):
            pieces = list(of_segment)
            hit = _score(shown, vectors, item.id, pieces, question)
            if hit is not None and hit.score >= floor:
                scored.append((pieces[0], hit))
        hits += _moments(scored, likely)
    return sorted(hits, key=lambda hit: -hit.score)


def _looks(store: Store, question: Query) -> Callable[[SearchHit], Look]:
    """What is compared of the best segment of a moment, what is seen and what it is found by unless
    that is its name; and what others may be compared with."""
    catalog, space = store.catalog, question.space
    vectors = functools.cache(lambda shard_id: store.shards.read(shard_id, space).vectors)

    def look(hit: SearchHit) -> Look:
        segment = catalog.segment_at(hit.item_id, space, hit.best_start)
        assert segment is not None
        found: dict[EvidenceKind, npt.NDArray[np.float64]] = {}
        compared: set[EvidenceKind] = {"picture", hit.evidence[0].kind}
        for kind in compared | {probe.kind for probe in question.evidence_queries}:
            weight = next((probe.weight for probe in question.evidence_queries if probe.kind == kind), None)
            rows = [
                vectors(piece.shard_id)[piece.kind][piece.row].astype(np.float64)
                for piece in segment.evidence
                if piece.kind == kind
            ]
            if rows:
                best = max(rows, key=lambda row: 0.0 if weight is None else float(row @ weight))
                found[kind] = normalize_rows(best[None])[0]
        return compared - {"name"}, found

    return look


def _folded(hits: Sequence[SearchHit], look: Callable[[SearchHit], Look], alike: float) -> list[SearchHit]:
    folds: list[tuple[SearchHit, Look, list[SearchHit]]] = []
    for hit in hits:
        own = look(hit)
        for first, other, duplicates in folds:
            if first.item_id != hit.item_id and _lasts(first) == _lasts(hit) and _same(own, other, alike):
                duplicates.append(hit)
                break
        else:
            folds.append((hit, own, []))
    return [replace(first, alike=tuple(duplicates)) for first, _, duplicates in folds]


def _same(own: Look, other: Look, alike: float) -> bool:
    kinds = [kind for kind in own[0] if kind in own[1] or kind in other[1]]
    return any(kind != "sound" for kind in kinds) and all(
        kind in own[1] and kind in other[1] and float(own[1][kind] @ other[1][kind]) >= alike for kind in kinds
    )


def _lasts(hit: SearchHit) -> bool:
    return hit.best_end > hit.best_start


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
    shown: Mapping[int, EvidenceRow],
    vectors: Callable[[str], Mapping[str, Half]],
    item_id: str,
    pieces: Sequence[EvidenceRow],
    question: Query,
) -> SearchHit | None:
    best: dict[EvidenceKind, SearchEvidence] = {}
    for row in pieces:
        for probe in question.evidence_queries:
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
    for probe in question.negations:
        looked = [vectors(row.shard_id)[row.kind][row.row].astype(np.float64) for row in pieces if row.kind == probe.kind]
        score *= min((1.0 / (1.0 + math.exp(float(vector @ probe.weight) + probe.bias)) for vector in looked), default=1.0)
    of_kinds = [best[probe.kind] for probe in question.evidence_queries if probe.kind in best]
    evidence = sorted(of_kinds, key=lambda piece: -piece.score)
    start, end = pieces[0].segment_start, pieces[0].segment_end
    return SearchHit(item_id, start, end, start, end, score, evidence, shown[pieces[0].pk].scene)


def _moments(scored: Sequence[Scored], likely: float | None) -> list[SearchHit]:
    """The moments of one item, of whose segments those that reach the floor are given in order of
    time."""
    left = dict(enumerate(scored))
    moments: list[SearchHit] = []
    for best in sorted(left, key=lambda number: -scored[number][1].score):
        if best not in left:
            continue
        least = ACROSS * strength_from_probability(scored[best][1].score)
        bound = likely if likely is not None and scored[best][1].score >= likely else 0.0
        first = last = best
        while last + 1 in left and _goes_on(scored[last][0], scored[last + 1][0], scored[last + 1][1], least, bound):
            last += 1
        while first - 1 in left and _goes_on(scored[first - 1][0], scored[first][0], scored[first - 1][1], least, bound):
            first -= 1
        for number in range(first, last + 1):
            del left[number]
        moments.append(replace(scored[best][1], start=scored[first][1].start, end=scored[last][1].end))
    return moments


def _goes_on(before: EvidenceRow, after: EvidenceRow, other: SearchHit, least: float, bound: float) -> bool:
    """Whether a moment goes on from one of two neighbours to the `other`."""
    touches = after.segment_start - before.segment_end <= TOUCH_SECONDS
    return touches and other.score >= bound and (before.shot == after.shot or strength_from_probability(other.score) >= least)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
