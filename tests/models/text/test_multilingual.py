"""Routing by language, and weights in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from mm.models.text.language_router import BUCKETS, LanguageRouter, hash_features, hash_words, strip_accents
from mm.models.text.multilingual import RoutedTextTower, dequantize, quantize


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

    def truncation_limit(self, text: str) -> int | None:
        return int(self.value)

    def describe(self) -> str:
        return "told"


def knows(*words: str, english: Sequence[str] = ("a", "dog", "the")) -> LanguageRouter:
    """A router to which these words are foreign and look it."""
    weight = np.zeros(BUCKETS, np.float32)
    for word in words:
        weight[hash_features(word)] = 4
    return LanguageRouter(weight, -3.5, hash_words(english), hash_words(map(strip_accents, words)))


def test_each_text_goes_to_the_tower_of_its_language_and_comes_back_in_its_place() -> None:
    english, other = Told(1), Told(2)
    routed = RoutedTextTower(english, lambda: other, knows("hund"))
    assert routed.embed(["a dog", "Hund", "cats"])[:, 0].tolist() == [1, 2, 1]
    assert (english.asked, other.asked) == (["a dog", "cats"], ["Hund"])
    assert routed.count_tokens(["Hund", "cats!"]) == [4, 5]
    assert (routed.truncation_limit("a dog"), routed.truncation_limit("Hund")) == (1, 2)


def test_english_alone_loads_no_other_tower() -> None:
    def never() -> Told:
        raise AssertionError("the tower of other languages was asked for")

    routed = RoutedTextTower(Told(1), never, knows("hund"))
    assert routed.embed(["a dog"]).shape == (1, 2)
    assert routed.truncation_limit("a dog") == 1


@pytest.mark.parametrize("text", ["", "  ", "1234 !?", "\ud800", "dx/dt = -kx"])
def test_a_text_without_words_is_english(text: str) -> None:
    assert not LanguageRouter(np.ones(BUCKETS, np.float32), 1.0, hash_words([]), hash_words([])).is_non_english(text)


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
    assert plain.is_non_english(text) is foreign


def test_a_text_of_words_in_no_list_is_decided_by_its_look() -> None:
    weight = np.zeros(BUCKETS, np.float32)
    weight[hash_features("hunde")] = 9
    router = LanguageRouter(weight, -1.0, hash_words(["a", "dog", "the"]), hash_words([]))
    assert router.is_non_english("Hunde")
    assert not router.is_non_english("a Hunde")


def test_eight_bits_are_off_by_half_a_step_at_most() -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    kept = quantize({"a.weight": matrix, "a.bias": matrix[0]})
    back = dequantize(kept)
    assert kept["a.weight"].dtype == np.int8
    assert (np.abs(back["a.weight"] - matrix) <= np.abs(matrix).max(1, keepdims=True) / 254 * 1.0001).all()
    np.testing.assert_array_equal(back["a.bias"], matrix[0])
