"""Language routing, and weights in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from mm.models.text.language_quality import LanguageQuality
from mm.models.text.language_router import BUCKETS, LanguageRouter, hash_features, hash_words, strip_accents
from mm.models.text.multilingual import RoutedTextTower
from mm.models.text.weights_file import dequantize, quantize


class RecordingTower:
    """A text tower that records its texts."""

    dim = 2

    def __init__(self, value: float) -> None:
        self.value = value
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return np.full((len(texts), 2), self.value, np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def truncation_limit(self, text: str) -> int | None:
        return int(self.value)

    def describe(self) -> str:
        return "recording"


def make_router(*words: str, english: Sequence[str] = ("a", "dog", "the")) -> LanguageRouter:
    """A router that has these words in its list of other languages, and high weights for them."""
    weight = np.zeros(BUCKETS, np.float32)
    for word in words:
        weight[hash_features(word)] = 4
    return LanguageRouter(weight, -3.5, hash_words(english), hash_words(map(strip_accents, words)))


def test_routed_text_tower_encodes_each_text_by_its_language_in_input_order() -> None:
    english, other = RecordingTower(1), RecordingTower(2)
    routed = RoutedTextTower(english, lambda: other, make_router("hund"), LanguageQuality(0.0, {}))
    assert routed.embed(["a dog", "Hund", "cats"])[:, 0].tolist() == [1, 2, 1]
    assert (english.texts, other.texts) == (["a dog", "cats"], ["Hund"])
    assert routed.count_tokens(["Hund", "cats!"]) == [4, 5]
    assert (routed.truncation_limit("a dog"), routed.truncation_limit("Hund")) == (1, 2)


def test_routed_text_tower_with_english_texts_does_not_load_the_other_tower() -> None:
    def fail() -> RecordingTower:
        raise AssertionError("the other tower was loaded")

    routed = RoutedTextTower(RecordingTower(1), fail, make_router("hund"), LanguageQuality(0.0, {}))
    assert routed.embed(["a dog"]).shape == (1, 2)
    assert routed.truncation_limit("a dog") == 1


@pytest.mark.parametrize("text", ["", "  ", "1234 !?", "\ud800", "dx/dt = -kx"])
def test_language_router_text_without_words_is_english(text: str) -> None:
    assert not LanguageRouter(np.ones(BUCKETS, np.float32), 1.0, hash_words([]), hash_words([])).is_non_english(text)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("Žába", True),
        ("zaba", True),  # without accents
        ("a zaba", False),  # as many English words
        ("zaba hund a", True),
        ("spreadsheet", False),  # unknown words are English
        ("hat", False),  # a word in both lists is ignored
        ("hat hund", True),
        ("hať", True),  # a letter that English does not have
        ("a café", False),  # an English word with an accent
        ("собака", True),
        ("犬", True),
        ("the Ω of a dog", False),
    ],
)
def test_language_router_compares_counts_of_listed_words(text: str, foreign: bool) -> None:
    router = make_router("hund", "žába", "hat", english=("a", "dog", "hat", "the"))
    plain = LanguageRouter(np.zeros(BUCKETS, np.float32), -3.0, router.english, router.other)
    assert plain.is_non_english(text) is foreign


def test_language_router_equal_counts_are_decided_by_n_grams() -> None:
    weight = np.zeros(BUCKETS, np.float32)
    weight[hash_features("zaba")] = 3
    router = LanguageRouter(weight, -3.0, hash_words(["a", "dog"]), hash_words(["zaba", "hund"]))
    assert router.is_non_english("a zaba")
    assert not router.is_non_english("a hund")
    assert not router.is_non_english("a dog zaba")


def test_language_router_unlisted_words_are_decided_by_n_grams() -> None:
    weight = np.zeros(BUCKETS, np.float32)
    weight[hash_features("hunde")] = 9
    router = LanguageRouter(weight, -5.0, hash_words(["a", "dog", "the"]), hash_words([]))
    assert router.is_non_english("Hunde")
    assert router.is_non_english("a Hunde")  # an English word does not outweigh a high score
    assert not router.is_non_english("a dog the dog a Hunde")


def test_multilingual_quantize_error_is_at_most_half_a_step() -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    stored = quantize({"a.weight": matrix, "a.bias": matrix[0]})
    back = dequantize(stored)
    assert stored["a.weight"].dtype == np.int8
    assert (np.abs(back["a.weight"] - matrix) <= np.abs(matrix).max(1, keepdims=True) / 254 * 1.0001).all()
    np.testing.assert_array_equal(back["a.bias"], matrix[0])
