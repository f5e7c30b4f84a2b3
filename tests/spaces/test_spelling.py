"""Words by their spelling: hashed vectors against the sets they stand for, and what is found."""

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


def share(one: str, other: str) -> float:
    """The plain twin of the cosine."""
    return len(split_ngrams(one) & split_ngrams(other)) / math.sqrt(len(split_ngrams(one)) * len(split_ngrams(other)))


def chance(question: str, words: list[str]) -> float:
    probe = build_spelling_query(question, 1.0, 0.02)
    assert probe is not None
    return float(1 / (1 + np.exp(-probe.logits(embed_spelling(words)).max())))


@given(WORDS, WORDS)
def test_a_cosine_is_nearly_the_share_of_common_grams(one: str, other: str) -> None:
    a, b = embed_spelling([one, other])
    assert float(a @ b) == pytest.approx(share(one, other), abs=0.35)
    assert float(a @ a) == pytest.approx(1.0, abs=1e-5)


def test_hashing_adds_little_noise() -> None:
    rows = embed_spelling(READ)
    twin = np.asarray([[share(one, other) for other in READ] for one in READ])
    assert np.abs(rows @ rows.T - twin).max() < 0.15


@pytest.mark.parametrize("asked", ["Zanzibar", "zanzibra", "terminol", "departure", "platfrom", "the terminal"])
def test_a_word_is_more_likely_than_one_that_is_not_there(asked: str) -> None:
    assert chance(asked, READ) > 3 * chance("keyboard", READ)


def test_words_worth_comparing() -> None:
    assert extract_words("Where does the FÉRRY-boat stop? Platform99 ferry 2024") == ["ferry", "boat", "stop", "platform", "2024"]
    assert build_spelling_query("what is this?", 1.0, 0.02) is None


def test_a_word_in_a_picture_is_found_exactly_and_nearly_and_no_other(space: Space) -> None:
    sign = written(load_sample_photos()[2], ("Ferry to Zanzibar", 40, 60))
    encoder = ChunkEncoder(space, FakeReader([(Span(0, 1), sign)]), Settings(), OcrBudget("always"))
    (segment,) = encoder.encode(media_file("image", 0), Span(0, 0), lambda _: None)
    pieces = [one for one in segment.evidence if one.kind == "word"]
    assert [one.text for one in pieces] == ["ferry", "zanzibar"]
    vectors = np.stack([one.vector for one in pieces])

    def found(words: str) -> float:
        (probe,) = [probe for probe in build_query(space, text=words).evidence_queries if probe.kind == "word"]
        return float(1 / (1 + np.exp(-probe.logits(vectors).max())))

    floor = space.calibration.floor
    assert found("zanzibar") > 0.8
    assert floor < found("zanzibor") < found("zanzibar")
    assert found("keyboard") < floor / 5
