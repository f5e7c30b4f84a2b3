"""Words of a query compared with those of a text, and the scores that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.schemas import Match
from mm.wording.matching import MIN_RESCORED, compare_words, rescore
from mm.wording.words import is_near, measure_distance, split_content_words

WORDS = st.text(st.sampled_from("abcde"), min_size=1, max_size=7)


@pytest.mark.parametrize(
    ("query", "text", "match", "name"),
    [
        ("ace of clubs", "That is the ace of clubs.", "exact", "exact"),
        ("ace of clubs", "That is the seven of clubs.", "meaning", "replaced"),
        ("clubs of ace", "That is the ace of clubs.", "exact", "exact"),
        ("seven clubs", "7 clubs", "exact", "exact"),
        ("two dogs run", "Three dogs run.", "meaning", "replaced"),
        ("running dogs", "the dog runs", "near", "near"),
        ("Mr. Olivander", "mr ollivander said", "near", "near"),
        ("the acommodation is full", "the accommodation is full", "near", "near"),
        ("a dog plays", "a puppy is having fun on the lawn", "meaning", "meaning"),
        ("cafe", "Café", "exact", "exact"),
        ("", "a dog", "meaning", "meaning"),
    ],
)
def test_compare_words_distinguishes_same_similar_and_replaced_words(query: str, text: str, match: Match, name: str) -> None:
    comparison = compare_words(query, text)
    assert (comparison.match, comparison.name) == (match, name)


def test_rescore_keeps_the_order_of_probabilities_and_replaced_hits_possible() -> None:
    assert rescore(0.97, "replaced") < 0.166 < rescore(0.97, "meaning") < rescore(0.97, "exact")
    assert rescore(0.97, "meaning") == pytest.approx(0.97)
    assert rescore(0.3, "replaced") == MIN_RESCORED
    assert rescore(0.001, "replaced") == 0.001


@given(st.floats(0, 1), st.sampled_from(["exact", "near", "meaning", "replaced"]))
def test_rescore_returns_a_probability(probability: float, name: str) -> None:
    assert 0 <= rescore(probability, name) <= 1


@given(st.text(max_size=60))
def test_compare_words_of_a_text_with_itself_is_exact(text: str) -> None:
    assert compare_words(text, text).match == ("exact" if split_content_words(text) else "meaning")


@given(WORDS, WORDS)
def test_measure_distance_is_symmetric_and_zero_for_equal_words(word: str, other: str) -> None:
    assert measure_distance(word, other, 2) == measure_distance(other, word, 2)
    assert (measure_distance(word, other, 2) == 0) == (word == other)


@pytest.mark.parametrize(("word", "other"), [("ferrry", "ferry"), ("fery", "ferry"), ("frery", "ferry"), ("ferty", "ferry")])
def test_is_near_of_one_typing_error(word: str, other: str) -> None:
    assert is_near(word, other)
    assert not is_near("horse", "house")  # two English words
    assert not is_near("2024", "2025")
