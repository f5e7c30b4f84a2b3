"""Typing errors in the words of a query, corrected to words of a list."""

from __future__ import annotations

import re
from collections.abc import Collection

from mm.models.text.english_words import load_english_words
from mm.wording.words import is_near, measure_distance

MIN_LETTERS = 5
"""Letters from which a word is corrected; an error makes too many other words of a shorter one."""
MAX_CORRECTED = 8
"""Words of a text up to which it is corrected: in a longer one the others suffice."""
_WORD = re.compile(r"[^\W\d_]+")


def correct_typing_errors(text: str, vocabulary: Collection[str]) -> str:
    """The text with each misspelled word replaced by the nearest word of the vocabulary.

    A word is misspelled when it is not English, in lower case, and near a word of the vocabulary by
    `is_near`. The text is returned as it is when it has more than `MAX_CORRECTED` words.
    """
    words = _WORD.findall(text)
    if len(words) > MAX_CORRECTED:
        return text
    replaced = {word: near for word in words if (near := _find_near(word, vocabulary)) is not None}
    return _WORD.sub(lambda match: replaced.get(match[0], match[0]), text)


def _find_near(word: str, vocabulary: Collection[str]) -> str | None:
    if len(word) < MIN_LETTERS or not word.islower() or word in load_english_words() or word in vocabulary:
        return None
    if word.removesuffix("s") in vocabulary or word.removesuffix("es") in vocabulary:
        return None
    near = [
        (measure_distance(word, other, 2), other)
        for other in vocabulary
        if abs(len(word) - len(other)) <= 2 and is_near(word, other)
    ]
    return min(near)[1] if near else None
