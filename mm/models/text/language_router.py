"""Decides whether a text is English, from word lists and character n-grams.

The word lists hold words of English and words of other languages; they decide for texts of one or
two words, and so do letters that English does not have. All texts are also scored by a linear model
on the character n-grams of their words. Undecided texts count as English.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

BUCKETS = 1 << 17
"""Size of the table that n-grams are hashed to."""
_WORD = re.compile(r"[^\W\d_]+")
_MAX_NGRAM, _MAX_WORDS, _MAX_SYMBOL = 5, 64, 2
# Characters of an n-gram; words of a text that are read; letters of a word that may be a symbol in
# a formula.
MIN_TIE_SCORE = -2.0
"""Score above which a text with as many words of other languages as of English is not English.
Chosen on dev among -2, -3 and none: with -3 more English names are mistaken."""
_ACCENTED = (
    "café cafés cliché clichés crème crêpe crêpes décor entrée entrées façade fiancé fiancée jalapeño jalapeños naïve "
    "pâté piñata piñatas purée résumé sauté sautéed soufflé"
)
ACCENTED_ENGLISH = frozenset(_ACCENTED.split())
"""Words that are written with accents in English too; they say nothing about the language."""

WordHashes = npt.NDArray[np.uint32]


def split_words(text: str) -> list[str]:
    """The first 64 words of a text, in lower case and NFC."""
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))[:_MAX_WORDS]


def strip_accents(word: str) -> str:
    """A word of `split_words` without accents, which users often omit."""
    letters = (letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", "".join(letters)).replace("ß", "ss")


def is_latin(word: str) -> bool:
    """Whether a word without accents has a letter from a to z."""
    return any("a" <= letter <= "z" for letter in word)


def hash_features(word: str) -> list[int]:
    """Buckets of a word: of the word, and of its n-grams of 1 to 5 characters with marked ends."""
    marked = f"<{word}>"
    grams = {marked[start : start + size] for size in range(1, _MAX_NGRAM + 1) for start in range(len(marked) - size + 1)}
    return sorted({crc32(f"={word}".encode()) % BUCKETS, *(crc32(gram.encode()) % BUCKETS for gram in grams - {"<", ">"})})


def hash_words(words: Iterable[str]) -> WordHashes:
    """The stored form of a word list: the CRC-32 of each word, sorted.

    One in 100,000 other words is mistaken for one of the list.
    """
    return np.array(sorted({crc32(word.encode()) for word in words}), np.uint32)


class LanguageRouter:
    """Decides whether a text is in a language other than English, in microseconds."""

    def __init__(self, weight: npt.NDArray[np.float32], bias: float, english: WordHashes, other: WordHashes) -> None:
        """`weight` is (BUCKETS,); `bias` is added to the score of a text.

        `english` and `other` are `hash_words` of the words of English and of other languages,
        without accents. A word in both lists is ignored.
        """
        self.weight, self.bias = weight.reshape(-1), bias
        self.english, self.other = english, other

    def score(self, text: str) -> float:
        """Log-odds that a text is in another language, plus the bias.

        The score of a word is the mean weight of its features; that of a text is the sum over its
        words, divided by the root of their number. A text without words has at most 0.
        """
        words = split_words(text)
        if not words:
            return min(self.bias, 0.0)
        total = sum(float(self.weight[hash_features(word)].mean()) for word in words)
        return total / float(np.sqrt(len(words))) + self.bias

    def is_non_english(self, text: str) -> bool:
        """Whether a text is in a language other than English.

        That is so when most of its words are in another script, when it has more words of other
        languages than of English, when its score is positive, or when it has as many of both and a
        score above `MIN_TIE_SCORE`. Words that may all be symbols of a formula have no score.
        """
        written = split_words(text)
        words = [strip_accents(word) for word in written]
        if 2 * sum(not is_latin(word) for word in words) > len(words):
            return True
        english, other = self._count_words(written, words)
        score = self.score(text) if any(len(word) > _MAX_SYMBOL for word in words) else -math.inf
        return other > english or score > 0 or (other == english > 0 and score > MIN_TIE_SCORE)

    def _count_words(self, written: Sequence[str], words: Sequence[str]) -> tuple[int, int]:
        """The words that only English has, and those that only other languages have.

        `words` are those of `written` without accents. A Latin word with a letter that English does
        not have is of another language, except for `ACCENTED_ENGLISH`, which are in neither.
        """
        is_marked = np.array([is_latin(word) and not own.isascii() for own, word in zip(written, words, strict=True)], np.bool_)
        is_loan = np.array([own in ACCENTED_ENGLISH for own in written], np.bool_)
        in_english, in_other = _contains(self.english, words), _contains(self.other, words)
        only_english = in_english & ~in_other & ~is_marked
        only_other = (is_marked & ~is_loan) | (in_other & ~in_english & ~is_marked)
        return int(only_english.sum()), int(only_other.sum())


def _contains(word_list: WordHashes, words: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each word is in a sorted list of hashes."""
    hashes = np.array([crc32(word.encode()) for word in words], np.uint32)
    if not len(word_list):
        return np.zeros(len(hashes), np.bool_)
    return np.asarray(word_list[np.minimum(np.searchsorted(word_list, hashes), len(word_list) - 1)] == hashes)
