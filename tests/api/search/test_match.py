"""Scores and bands of hits by the words of their evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.search.match import match_words
from mm.schemas import Evidence, EvidenceKind, Hit, Item

ITEM = Item(
    id="i" * 32, name="talk.mp4", kind="video", content_type="video/mp4", size=1, duration=9.0, width=1, height=1, tags=[],
    status="ready", created_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
LIKELY, FLOOR = 0.166, 0.02


def make_hit(*evidence: tuple[EvidenceKind, float, str | None], excluded: float = 0.0) -> Hit:
    pieces = [Evidence(kind=kind, score=score, cosine=0.5, start=0, end=1, text=text) for kind, score, text in evidence]
    missed = 1.0
    for _, score, _ in evidence:
        missed *= 1 - score
    score = (1 - missed) * (1 - excluded)
    return Hit(
        item=ITEM, start=0, end=1, best_start=0, best_end=1, score=score, evidence=pieces, thumbnail="", media="", band="likely"
    )  # fmt: skip


def test_match_words_puts_exact_words_before_near_words_before_a_replaced_word() -> None:
    replaced = make_hit(("speech", 0.97, "the seven of clubs"))
    near = make_hit(("speech", 0.96, "the ace of clubbs"))
    exact = make_hit(("speech", 0.9, "an ace of clubs lies there"))
    hits = match_words([replaced, near, exact], "ace of clubs", LIKELY, FLOOR)
    assert [hit.match for hit in hits] == ["exact", "near", "meaning"]
    assert [hit.band for hit in hits] == ["likely", "likely", "possible"]
    assert hits[0].score >= hits[1].score > hits[2].score
    assert [hit.evidence[0].match for hit in hits] == ["exact", "near", "meaning"]


def test_match_words_keeps_scores_of_other_evidence_and_exclusions() -> None:
    picture = make_hit(("picture", 0.4, None))
    assert match_words([picture], "a dog", LIKELY, FLOOR) == [picture]
    paraphrase = make_hit(("speech", 0.8, "a puppy at play"), ("picture", 0.3, None))
    (hit,) = match_words([paraphrase], "a dog plays", LIKELY, FLOOR)
    assert hit.score == pytest.approx(paraphrase.score)
    assert hit.match == "meaning"
    excluded = make_hit(("speech", 0.5, "a dog plays"), excluded=0.8)
    (hit,) = match_words([excluded], "a dog plays", LIKELY, FLOOR)
    assert hit.score == pytest.approx(hit.evidence[0].score * 0.2)


def test_match_words_leaves_out_hits_below_the_floor() -> None:
    assert match_words([make_hit(("speech", 0.5, "two dogs run"))], "three dogs run", LIKELY, 0.05) == []
