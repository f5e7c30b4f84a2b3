"""Typing errors of queries, corrected to words of the library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.wording.typos import find_correction, list_unknown_words, replace_words, split_trigrams

TEXTS = ["The ferry to Zanzibar leaves at noon", "ferry timetable", "A lighthouse on the cliff", "Rhubarb and custard"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("zanzibor", "zanzibar"),
        ("Zanzbar", "zanzibar"),
        ("zanziabr", "zanzibar"),
        ("rhubrab", "rhubarb"),
        ("lighthuose", "lighthouse"),
        ("ligthhuose", "lighthouse"),
        ("zanzibar", None),
        ("reykjavik", None),
        ("zanzobor", None),
    ],
)
def test_find_correction_of_a_typed_word_is_the_word_of_the_library(typed: str, expected: str | None) -> None:
    assert find_correction(typed, TEXTS) == expected


def test_find_correction_prefers_the_smaller_distance_then_the_more_frequent_word() -> None:
    assert find_correction("marlowe", ["marlow", "marlone marlone"]) == "marlow"
    assert find_correction("hardys", ["hardyx", "hardyz hardyz"]) == "hardyz"


def test_list_unknown_words_leaves_out_english_short_and_quoted_words() -> None:
    assert list_unknown_words("the ferries to Zanzibor") == ["Zanzibor"]
    assert list_unknown_words("two dogs running dgo") == []
    assert list_unknown_words('a sign that says "Zanzibor"') == []
    assert list_unknown_words("perro") == []
    assert list_unknown_words(" ".join(["zanzibor"] + ["word"] * 20)) == []


@given(st.text("abcdefgh", min_size=6, max_size=12), st.integers(0, 11), st.sampled_from("xyz"))
def test_find_correction_of_any_word_with_one_wrong_letter_is_the_word(word: str, at: int, letter: str) -> None:
    typed = word[: at % len(word)] + letter + word[at % len(word) + 1 :]
    assert find_correction(typed, [word]) == word
    assert set(split_trigrams(word)) == {word[start : start + 3] for start in range(len(word) - 2)}


def test_replace_words_changes_whole_words_only() -> None:
    assert replace_words("Zanzibor, zanzibor-line and zanziborian", {"zanzibor": "zanzibar"}) == (
        "Zanzibor, zanzibar-line and zanziborian"
    )
