"""How the words of the evidence of hits match the query, and the scores that follow from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from mm.schemas import Hit, Moment
from mm.wording.matching import compare_words, rescore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.schemas import Evidence, Match

EXTRA_HITS = 10
"""Hits that are searched beyond the requested number: words can change their order."""
RESCORED = frozenset(("speech", "written"))
"""Kinds of evidence whose calibrator compares texts by meaning."""
WITH_WORDS = RESCORED | {"word", "name", "caption"}
MIN_SHARE = 0.1
"""Evidence with less than this share of the strongest one's score is not shown."""

NEAR_SHARE = 0.999
"""Highest score of a near match, as a share of that of the best exact match."""

MomentT = TypeVar("MomentT", bound=Moment)


def match_words(hits: Sequence[Hit], text: str, likely: float, floor: float) -> list[Hit]:
    """The hits with `match` and the scores that the words of their evidence give, best first.

    Hits below `floor` are left out. The score of a hit is multiplied by the same factor as the
    noisy-or of its evidence, so that exclusions keep their effect.
    """
    exact = [_match(hit, text) for hit in hits]
    scores = [piece.score for hit in exact for piece in hit.evidence if _is_rescored(piece, "exact")]
    cap = NEAR_SHARE * max(scores, default=1.0)
    results = []
    for hit in hits:
        matched = _match(hit, text, cap)
        band = "likely" if matched.score >= likely else "possible"
        alike = [_match(moment, text, cap) for moment in hit.alike]
        results.append(matched.model_copy(update={"band": band, "alike": alike}))
    return sorted((hit for hit in results if hit.score >= floor), key=lambda hit: (-hit.score, hit.match != "exact"))


def _match(moment: MomentT, text: str, cap: float = 1.0) -> MomentT:
    """`cap` is the highest score of evidence that matches nearly: that of the best exact match."""
    evidence = sorted((_match_piece(piece, text, cap) for piece in moment.evidence), key=lambda piece: -piece.score)
    before, after = _fuse(moment.evidence), _fuse(evidence)
    score = moment.score if before == after else min(1.0, moment.score * after / before)
    threshold = MIN_SHARE * max((piece.score for piece in evidence), default=0.0)
    matches = [piece.match for piece in evidence if piece.match is not None and piece.score >= threshold]
    return moment.model_copy(update={"evidence": evidence, "score": score, "match": _best(matches)})


def _is_rescored(piece: Evidence, match: Match) -> bool:
    return piece.kind in RESCORED and piece.match == match


def _match_piece(piece: Evidence, text: str, cap: float) -> Evidence:
    if piece.kind not in WITH_WORDS or not piece.text:
        return piece
    if piece.kind == "word":  # one word of recognized text, found by its spelling
        return piece.model_copy(update={"match": "exact" if compare_words(piece.text, text).match == "exact" else "near"})
    comparison = compare_words(text, piece.text)
    score = rescore(piece.score, comparison.name) if piece.kind in RESCORED else piece.score
    if piece.kind in RESCORED and comparison.match == "near":
        score = min(score, cap)
    return piece.model_copy(update={"match": comparison.match, "score": score})


def _fuse(evidence: Sequence[Evidence]) -> float:
    """The probability that at least one piece matches."""
    return 1 - math.prod(1 - piece.score for piece in evidence)


def _best(matches: Sequence[Match]) -> Match | None:
    order: tuple[Match, ...] = ("exact", "near", "meaning")
    return next((match for match in order if match in matches), None)
