"""English words for texts in other languages, by towers with made vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from mm.spaces import Space
from mm.spaces.query import build_query
from mm.spaces.text_queries.glosses import MIN_COSINE, Glosses

ENGLISH = {"dog": (1.0, 0.0, 0.0), "black": (0.0, 1.0, 0.0), "cake": (0.0, 0.0, 1.0)}
NEAR, FAR = MIN_COSINE + 0.01, MIN_COSINE - 0.01


class FakeTower:
    """Embeds texts as a table says; others are near no word."""

    dim = 3

    def __init__(self, vectors: Mapping[str, tuple[float, ...]]) -> None:
        self.vectors = vectors

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = [self.vectors.get(text, (0.577, 0.577, 0.577)) for text in texts]
        return np.array(rows, np.float32).reshape(-1, self.dim)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)

    def truncation_limit(self, text: str) -> int | None:
        return None


GERMAN = FakeTower(
    {
        "Hund": (NEAR, 0.0, (1 - NEAR**2) ** 0.5),
        "Wolf": (FAR, 0.0, (1 - FAR**2) ** 0.5),
        "schwarzer": (0.0, 1.0, 0.0),
        "Kuchen mit Sahne": (0.0, 0.0, 1.0),
    }
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Hund", ["dog"], id="near word"),
        pytest.param("Wolf", [], id="no word is near enough"),
        pytest.param("schwarzer Hund", ["black", "dog"], id="each word"),
        pytest.param("schwarzer Wolf", [], id="not all words"),
        pytest.param("Kuchen mit Sahne", ["cake"], id="whole text"),
        pytest.param("Hund, Hund!", ["dog"], id="a word twice"),
        pytest.param("ein schwarzer Hund bellt", [], id="more words than heads are used for"),
        pytest.param("", [], id="empty"),
        pytest.param("123 !", [], id="no letters"),
    ],
)
def test_find_returns_the_nearest_english_words(text: str, words: list[str]) -> None:
    assert Glosses(tuple(ENGLISH), FakeTower(ENGLISH)).find(text, GERMAN) == words


@pytest.mark.parametrize(("text", "english"), [("Hund", "dog"), ("狗", "dog"), ("пляж", "beach"), ("पानी", "water")])
def test_a_word_in_another_language_uses_the_head_of_the_english_word(space: Space, text: str, english: str) -> None:
    other, own, without = (
        build_query(each, text=words).evidence_queries[0].weight
        for each, words in ((space, text), (space, english), (_without_heads(space), text))
    )
    assert _cosine(other, own) > _cosine(without, own)
    query = build_query(space, text=text)
    assert query.text is not None
    assert not query.text.is_english
    assert query.text.head_scale is not None


@pytest.mark.parametrize(("text", "is_english"), [("moutain", True), ("girafe", True), ("plage", False)])
def test_a_misspelled_english_word_is_judged_as_english_unless_it_means_one_in_another_language(
    space: Space, text: str, is_english: bool
) -> None:
    query = build_query(space, text=text)
    assert query.text is not None
    assert query.text.is_english == is_english
    assert any("is searched as" in note for note in query.notes) == is_english


def _without_heads(space: Space) -> Space:
    return replace(space, has_word_heads=False)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
