"""Spelling vectors: cosines against exact sets of n-grams, and matches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.media.types import Span
from mm.models.image.sample_photos import load_sample_photos
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.query import build_query
from mm.spaces.spelling import build_spelling_query, embed_spelling, extract_words, split_ngrams
from tests.spaces.fakes import FakeReader, media_file
from tests.writing import written

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=14)
READ = ["zanzibar", "ferry", "terminal", "departures", "platform"]


def share(word: str, other: str) -> float:
    """The reference implementation of the cosine: the exact share of common n-grams."""
    return len(split_ngrams(word) & split_ngrams(other)) / math.sqrt(len(split_ngrams(word)) * len(split_ngrams(other)))


def match_probability(query: str, words: list[str]) -> float:
    evidence_query = build_spelling_query(query, 1.0, 0.02)
    assert evidence_query is not None
    return float(1 / (1 + np.exp(-evidence_query.logits(embed_spelling(words)).max())))


@given(WORDS, WORDS)
def test_embed_spelling_cosine_is_close_to_the_share_of_common_ngrams(word: str, other: str) -> None:
    a, b = embed_spelling([word, other])
    assert float(a @ b) == pytest.approx(share(word, other), abs=0.35)
    assert float(a @ a) == pytest.approx(1.0, abs=1e-5)


def test_embed_spelling_hashing_error_is_small() -> None:
    rows = embed_spelling(READ)
    reference = np.asarray([[share(word, other) for other in READ] for word in READ])
    assert np.abs(rows @ rows.T - reference).max() < 0.15


@pytest.mark.parametrize("typo", ["Zanzibar", "zanzibra", "terminol", "departure", "platfrom", "the terminal"])
def test_spelling_query_with_a_typo_matches_better_than_an_absent_word(typo: str) -> None:
    assert match_probability(typo, READ) > 3 * match_probability("keyboard", READ)


def test_extract_words_drops_common_and_short_words() -> None:
    assert extract_words("Where does the FÉRRY-boat stop? Platform99 ferry 2024") == ["ferry", "boat", "stop", "platform", "2024"]
    assert build_spelling_query("what is this?", 1.0, 0.02) is None


def test_recognized_word_matches_its_spelling_and_a_typo_only(space: Space) -> None:
    sign = written(load_sample_photos()[2], ("Ferry to Zanzibar", 40, 60))
    encoder = ChunkEncoder(space, FakeReader([(Span(0, 1), sign)]), Settings(), OcrBudget("always"))
    (segment,) = encoder.encode(media_file("image", 0), Span(0, 0), lambda _: None)
    pieces = [evidence for evidence in segment.evidence if evidence.kind == "word"]
    assert [evidence.text for evidence in pieces] == ["ferry", "zanzibar"]
    vectors = np.stack([evidence.vector for evidence in pieces])

    def stored_match_probability(words: str) -> float:
        (evidence_query,) = [
            evidence_query for evidence_query in build_query(space, text=words).evidence_queries if evidence_query.kind == "word"
        ]
        return float(1 / (1 + np.exp(-evidence_query.logits(vectors).max())))

    floor = space.calibration.floor
    assert stored_match_probability("zanzibar") > 0.8
    assert floor < stored_match_probability("zanzibor") < stored_match_probability("zanzibar")
    assert stored_match_probability("keyboard") < floor / 5
