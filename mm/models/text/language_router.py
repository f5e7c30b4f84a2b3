"""Is a question English? Words that only English has against words that only other languages have,
and what words look like.

A question of one or two words is decided by the lists of words, a sentence also by a linear model
on the character n-grams of its words. What neither is sure of is English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

BUCKETS = 1 << 17
"""Entries of the table that n-grams are hashed to."""
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST, _WORDS, _TELLS_NOTHING = 5, 64, 2  # characters of an n-gram; words read; letters of a word as in formulas

WordHashes = npt.NDArray[np.uint32]


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, composed, of which the first 64 are read."""
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))[:_WORDS]


def strip_accents(word: str) -> str:
    """A word of `split_words` as the lists have it: people leave accents out."""
    letters = (letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", "".join(letters)).replace("ß", "ss")


def is_latin(word: str) -> bool:
    """Whether a word without accents has a letter of English's script."""
    return any("a" <= letter <= "z" for letter in word)


def hash_features(word: str) -> list[int]:
    """Buckets of a word: the whole of it, and its n-grams of 1 to 5 characters with its ends
    marked."""
    marked = f"<{word}>"
    found = {marked[start : start + size] for size in range(1, _LONGEST + 1) for start in range(len(marked) - size + 1)}
    return sorted({crc32(f"={word}".encode()) % BUCKETS, *(crc32(gram.encode()) % BUCKETS for gram in found - {"<", ">"})})


def hash_words(words: Iterable[str]) -> WordHashes:
    """A list of words as it is kept: the CRC-32 of each, in order. Of other words one in 100,000 is
    taken for one of them."""
    return np.array(sorted({crc32(word.encode()) for word in words}), np.uint32)


class LanguageRouter:
    """Decides from the words alone, in microseconds."""

    def __init__(self, weight: npt.NDArray[np.float32], bias: float, english: WordHashes, other: WordHashes) -> None:
        """`weight` is (BUCKETS,); `bias` is added to a text's score, which above 0 looks like
        another language.

        `english` and `other` are `hash_words` of the words of English and of other languages,
        without accents. A word in both lists is ignored.
        """
        self.weight, self.bias = weight.reshape(-1), bias
        self.english, self.other = english, other

    def score(self, text: str) -> float:
        """Log-odds, less the bias to English, that a text looks like another language; of a text
        without words that bias alone.

        Each word counts with the mean of its features, a text with the sum of its words over the
        root of their number.
        """
        words = split_words(text)
        if not words:
            return min(self.bias, 0.0)
        total = sum(float(self.weight[hash_features(word)].mean()) for word in words)
        return total / float(np.sqrt(len(words))) + self.bias

    def is_non_english(self, text: str) -> bool:
        """Whether a text goes to the tower of other languages.

        It does when most of its words are in another script, when it has more words of other
        languages than of English, and when it looks like another language and no more of its words
        are English than are not.
        """
        words = [strip_accents(word) for word in split_words(text)]
        if 2 * sum(not is_latin(word) for word in words) > len(words):
            return True
        ours, theirs = _known(words, self.english), _known(words, self.other)
        english, other = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
        unknown = sum(len(words[place]) > _TELLS_NOTHING for place in np.flatnonzero(~(ours | theirs)))
        return other > english or (other + unknown > english and self.score(text) > 0)


def _known(words: Sequence[str], known: WordHashes) -> npt.NDArray[np.bool_]:
    """Which of the words are in a list."""
    asked = np.array([crc32(word.encode()) for word in words], np.uint32)
    if not len(known):
        return np.zeros(len(asked), np.bool_)
    return np.asarray(known[np.minimum(np.searchsorted(known, asked), len(known) - 1)] == asked)
