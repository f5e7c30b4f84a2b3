"""Is a question English? A linear model on hashed character n-grams of its words, biased to English."""

from __future__ import annotations

import re
import unicodedata
from zlib import crc32

import numpy as np
import numpy.typing as npt

BUCKETS = 1 << 17
"""Entries of the table that n-grams are hashed to."""
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST, _WORDS = 5, 64  # characters of an n-gram; words of a text that are read


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, composed, of which the first 64 are read."""
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))[:_WORDS]


def features(word: str) -> list[int]:
    """Buckets of a word: the whole of it, and its n-grams of 1 to 5 characters with its ends marked."""
    marked = f"<{word}>"
    found = {marked[start : start + size] for size in range(1, _LONGEST + 1) for start in range(len(marked) - size + 1)}
    return sorted({crc32(f"={word}".encode()) % BUCKETS, *(crc32(gram.encode()) % BUCKETS for gram in found - {"<", ">"})})


class LanguageRouter:
    """Decides from the words alone. What it is not sure of is English."""

    def __init__(self, weight: npt.NDArray[np.float32], bias: float) -> None:
        """`weight` is (BUCKETS,); `bias` is added to a text's score, which above 0 means another language."""
        self.weight, self.bias = weight.reshape(-1), bias

    def score(self, text: str) -> float:
        """Log-odds, less the bias to English, that a text is in another language; of a text without words that bias alone.

        Each word counts with the mean of its features, a text with the sum of its words over the root of their number.
        """
        words = words_of(text)
        if not words:
            return min(self.bias, 0.0)
        total = sum(float(self.weight[features(word)].mean()) for word in words)
        return total / float(np.sqrt(len(words))) + self.bias

    def is_foreign(self, text: str) -> bool:
        """Whether a text goes to the tower of other languages."""
        return self.score(text) > 0
