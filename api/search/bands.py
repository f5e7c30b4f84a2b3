"""The band of each hit, and the probability that it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.spaces.text_queries.bands import (
    best_band,
    choose_band,
    compute_confidences,
    compute_features,
    compute_statistics,
    log_odds_without,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.search.searcher import Searcher
    from mm.schemas import Band, Evidence, Hit
    from mm.spaces import Space
    from mm.spaces.types import Query

ORDER: dict[Band, int] = {"likely": 0, "possible": 1, "weak": 2}
OF_IMAGES = frozenset(("picture", "caption"))
"""Evidence that is seen in an image. A caption alone makes no hit likely: a model wrote it."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which a hit is likely, and possible."""

    likely: float
    possible: float


def assign_bands(hits: Sequence[Hit], query: Query, space: Space, searcher: Searcher) -> list[Hit]:
    """The hits with their bands, the surest band first, and in a band the best score first.

    Images are judged by the probability of `mm.spaces.text_queries.bands` where the query is one
    text and the space has that calibration, and other evidence by its score.
    """
    thresholds = Thresholds(query.floor, query.floor if query.possible is None else query.possible)
    confidences = _judge_images(hits, query, space, searcher)
    if confidences is None:
        banded = [hit.model_copy(update={"band": choose_band(hit.score, *_pair(thresholds))}) for hit in hits]
    else:
        calibration = space.band_calibration
        assert calibration is not None
        banded = []
        for hit, confidence in zip(hits, confidences, strict=True):
            kept = _kept(hit)
            others = kept * _fuse([piece for piece in hit.evidence if piece.kind not in OF_IMAGES])
            caption = kept * _fuse([piece for piece in hit.evidence if piece.kind == "caption"])
            bands: list[Band] = [
                choose_band(confidence, calibration.likely, calibration.possible),
                choose_band(others, *_pair(thresholds)),
                choose_band(caption, math.inf, thresholds.likely),
            ]
            both = 1 - (1 - confidence) * (1 - others)
            banded.append(hit.model_copy(update={"band": best_band(bands), "confidence": both}))
    return sorted(banded, key=lambda hit: ORDER[hit.band])


def _judge_images(hits: Sequence[Hit], query: Query, space: Space, searcher: Searcher) -> list[float] | None:
    """The probability of the image of each hit, 0 without one; None where it is not calibrated."""
    wanted = next((each for each in query.evidence_queries if each.kind == "picture"), None)
    calibration = space.band_calibration
    if query.text is None or wanted is None or calibration is None:
        return None
    images = {index: _fuse(pieces) for index, hit in enumerate(hits) if (pieces := _of_kind(hit, "picture"))}
    if not images:
        return [0.0] * len(hits)
    count, sample = searcher.sample_logits(wanted)
    statistics = compute_statistics(count, sample, wanted.logits(space.bank.images).astype(np.float64))
    kept = {index: _kept(hits[index]) for index in images}
    logits = {index: log_odds_without(score, kept[index]) for index, score in images.items()}
    order = sorted(logits, key=lambda index: -logits[index])
    logits_H, kept_H = (np.array([of_hit[index] for index in order]) for of_hit in (logits, kept))
    features = compute_features(logits_H, kept_H, statistics, query.text)
    fit = calibration.find_fit(is_english=query.text.is_english)
    found = dict(zip(order, compute_confidences(fit, features).tolist(), strict=True))
    return [found.get(index, 0.0) for index in range(len(hits))]


def _of_kind(hit: Hit, kind: str) -> list[Evidence]:
    return [piece for piece in hit.evidence if piece.kind == kind]


def _kept(hit: Hit) -> float:
    """The probability that nothing excluded is present: the score as a share of its evidence."""
    fused = _fuse(hit.evidence)
    return min(1.0, hit.score / fused) if fused else 1.0


def _fuse(evidence: Sequence[Evidence]) -> float:
    """The probability that at least one piece matches."""
    return 1 - math.prod(1 - piece.score for piece in evidence)


def _pair(thresholds: Thresholds) -> tuple[float, float]:
    return thresholds.likely, thresholds.possible
