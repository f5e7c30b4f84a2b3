"""Search hits: moments with the evidence for them, as the catalog stores it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexes.search.fusion import probability_from_strength
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexes.catalog.catalog import Catalog
    from indexes.catalog.records import EvidenceRow
    from indexes.search.grouping import Moment
    from mm.spaces.types import EvidenceQuery

    Scores = Mapping[int, tuple[float, float]]
    """Probability and cosine by evidence key."""


@dataclass(frozen=True, slots=True)
class SearchEvidence:
    """The best piece of evidence of one kind in a hit."""

    kind: EvidenceKind
    score: float
    """Probability that it alone matches the query."""
    cosine: float
    start: float
    end: float
    text: str | None
    language: str | None = None
    """Of speech; None where it is unknown."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A moment that matches the query with probability `score`; evidence comes strongest first."""

    item_id: str
    start: float
    end: float
    best_start: float
    """Start of the best segment, from which the score and the evidence are."""
    best_end: float
    score: float
    evidence: list[SearchEvidence]
    scene: tuple[float, float] | None = None
    """Start and end of the scene that contains the best segment."""
    caption: str | None = None
    """Caption at the start of the best segment."""
    near_duplicates: tuple[SearchHit, ...] = ()
    """Moments of other items with the same content, best first; they are no hits of their own."""


def load_hits(catalog: Catalog, moments: Sequence[Moment], evidence_queries: Sequence[EvidenceQuery]) -> list[SearchHit]:
    """Hits of moments and their near-duplicates; moments deleted since the search are left out."""
    groups = [(moment, *moment.near_duplicates) for moment in moments]
    scores = [[_score_evidence(moment, evidence_queries) for moment in group] for group in groups]
    rows = catalog.get_evidence(sorted({pk for of_group in scores for of_moment in of_group for pk in of_moment}))
    hits: list[SearchHit] = []
    for group, of_group in zip(groups, scores, strict=True):
        loaded = [
            _hit(moment, of_moment, rows)
            for moment, of_moment in zip(group, of_group, strict=True)
            if all(pk in rows for pk in of_moment)
        ]
        if loaded:
            hits.append(replace(loaded[0], near_duplicates=tuple(loaded[1:])))
    return hits


def _score_evidence(moment: Moment, evidence_queries: Sequence[EvidenceQuery]) -> Scores:
    """Of the best segment, the best piece of each kind, strongest first."""
    scores: dict[int, tuple[float, float]] = {}
    segment = np.asarray([moment.segment])
    for query in evidence_queries:
        if (index := moment.part.kinds.get(query.kind)) is None:
            continue
        (product,), (row,) = index.best_per_segment(query.weight, segment)
        if row >= 0:
            cosine = float(index.decode(np.asarray([row]))[0] @ query.direction)
            strength = float(np.logaddexp(0.0, product + query.bias))
            scores[int(index.rows.pk[row])] = probability_from_strength(strength), cosine
    return dict(sorted(scores.items(), key=lambda entry: entry[1][0], reverse=True))


def _hit(moment: Moment, scores: Scores, rows: Mapping[int, EvidenceRow]) -> SearchHit:
    segments = moment.part.segments
    first = rows[next(iter(scores))]
    return SearchHit(
        item_id=first.item_id,
        start=float(segments.start[moment.first]),
        end=float(segments.end[moment.last]),
        best_start=float(segments.start[moment.segment]),
        best_end=float(segments.end[moment.segment]),
        score=probability_from_strength(moment.strength),
        evidence=[
            SearchEvidence(rows[pk].kind, score, cosine, rows[pk].start, rows[pk].end, rows[pk].text, rows[pk].language)
            for pk, (score, cosine) in scores.items()
        ],
        scene=first.scene,
        caption=first.caption,
    )
