"""Words of texts: the content words, and words that differ by an inflection or a typing error."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

from mm.metrics.language.word_support import FUNCTION_WORDS, NUMBERS, stem
from mm.models.text.english_words import load_english_words

MIN_TYPED = 4
"""Letters from which a word can have a typing error; one makes another word of a shorter one."""
MIN_TWO_ERRORS = 9
"""Letters from which a word can have two."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_PUNCTUATION = string.punctuation + "।¿¡«»„“”‘’…،؟、。！？"


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, without accents and possessive endings."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return [word.removesuffix("'s") for word in _WORD.findall(plain)]


def split_at_spaces(text: str) -> list[str]:
    """The words of a text in any script that has spaces, without punctuation at their ends.

    `split_words` splits words at vowel signs, as those of Devanagari.
    """
    words = [word.strip(_PUNCTUATION) for word in text.split()]
    return [word for word in words if any(char.isalnum() for char in word)]


def split_number_words(text: str) -> list[str]:
    """All words of a text; a number word as its digits."""
    return [NUMBERS.get(word, word) for word in split_words(text)]


def split_content_words(text: str) -> list[str]:
    """The distinct words of a text that carry its content, in order; a number word as its digits.

    A text of function words only is returned whole.
    """
    words = split_number_words(text)
    content = [word for word in words if word not in FUNCTION_WORDS]
    return list(dict.fromkeys(content or words))


@lru_cache(maxsize=100_000)
def is_near(word: str, other: str) -> bool:
    """Whether two words are forms of one word, or one is the other with a typing error.

    A typing error is one letter left out, added or replaced, or two transposed; a word of
    `MIN_TWO_ERRORS` letters may have two. Two English words that differ are two words. Words with
    digits are near when they are equal.
    """
    if word == other:
        return True
    if not (word.isalpha() and other.isalpha()):
        return False
    if stem(word) == stem(other) and min(len(word), len(other)) >= MIN_TYPED - 1:
        return True
    shorter = min(len(word), len(other))
    if shorter < MIN_TYPED or {word, other} <= load_english_words():
        return False
    limit = 2 if shorter >= MIN_TWO_ERRORS else 1
    return measure_distance(word, other, limit) <= limit


def measure_distance(word: str, other: str, limit: int) -> int:
    """Typing errors between two words (optimal string alignment); `limit` + 1 for more."""
    if abs(len(word) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        current = [row]
        for column, target in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != target))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == target:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, last = last, current
    return min(last[-1], limit + 1)
