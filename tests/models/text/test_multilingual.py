"""Routing by language, and weights in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from mm.models.text.language_router import BUCKETS, LanguageRouter, features, hashes, unaccented
from mm.models.text.multilingual import RoutedTexts, narrowed, widened


class Told:
    """A tower that remembers what it was asked."""

    dim = 2

    def __init__(self, value: float) -> None:
        self.value = value
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        return np.full((len(texts), 2), self.value, np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def cut_after(self, text: str) -> int | None:
        return int(self.value)

    def describe(self) -> str:
        return "told"


def knows(*words: str, english: Sequence[str] = ("a", "dog", "the")) -> LanguageRouter:
    """A router to which these words are foreign and look it."""
    weight = np.zeros(BUCKETS, np.float32)
    for word in words:
        weight[features(word)] = 4
    return LanguageRouter(weight, -3.5, hashes(english), hashes(map(unaccented, words)))


def test_each_text_goes_to_the_tower_of_its_language_and_comes_back_in_its_place() -> None:
    english, other = Told(1), Told(2)
    routed = RoutedTexts(english, lambda: other, knows("hund"))
    assert routed.embed(["a dog", "Hund", "cats"])[:, 0].tolist() == [1, 2, 1]
    assert (english.asked, other.asked) == (["a dog", "cats"], ["Hund"])
    assert routed.count_tokens(["Hund", "cats!"]) == [4, 5]
    assert (routed.cut_after("a dog"), routed.cut_after("Hund")) == (1, 2)


def test_english_alone_loads_no_other_tower() -> None:
    def never() -> Told:
        raise AssertionError("the tower of other languages was asked for")

    routed = RoutedTexts(Told(1), never, knows("hund"))
    assert routed.embed(["a dog"]).shape == (1, 2)
    assert routed.cut_after("a dog") == 1


@pytest.mark.parametrize("text", ["", "  ", "1234 !?", "\ud800", "dx/dt = -kx"])
def test_a_text_without_words_is_english(text: str) -> None:
    assert not LanguageRouter(np.ones(BUCKETS, np.float32), 1.0, hashes([]), hashes([])).is_foreign(text)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("Žába", True),
        ("zaba", True),  # people leave accents out
        ("a zaba", False),  # as many words of English
        ("zaba hund a", True),
        ("spreadsheet", False),  # what nobody knows is English
        ("hat", False),  # a word of both says nothing
        ("hat hund", True),
        ("собака", True),
        ("犬", True),
        ("the Ω of a dog", False),
    ],
)
def test_words_of_other_languages_are_weighed_against_english_ones(text: str, foreign: bool) -> None:
    router = knows("hund", "žába", "hat", english=("a", "dog", "hat", "the"))
    plain = LanguageRouter(np.zeros(BUCKETS, np.float32), -1.0, router.english, router.other)
    assert plain.is_foreign(text) is foreign


def test_a_text_of_words_in_no_list_is_decided_by_its_look() -> None:
    weight = np.zeros(BUCKETS, np.float32)
    weight[features("hunde")] = 9
    router = LanguageRouter(weight, -1.0, hashes(["a", "dog", "the"]), hashes([]))
    assert router.is_foreign("Hunde")
    assert not router.is_foreign("a Hunde")


def test_eight_bits_are_off_by_half_a_step_at_most() -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    kept = narrowed({"a.weight": matrix, "a.bias": matrix[0]})
    back = widened(kept)
    assert kept["a.weight"].dtype == np.int8
    assert (np.abs(back["a.weight"] - matrix) <= np.abs(matrix).max(1, keepdims=True) / 254 * 1.0001).all()
    np.testing.assert_array_equal(back["a.bias"], matrix[0])
