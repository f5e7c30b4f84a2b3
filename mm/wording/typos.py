"""Typing errors in a query, corrected to words of the library.

A word is taken for an error when it is no frequent English word, no text of the library has it, and
a word of the library is a typing error away. Candidates share a trigram with it, which the catalog
looks for, and are compared by edit distance, then by the share of trigrams in common.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from mm.models.text.english_words import load_english_words
from mm.wording.words import MIN_TWO_ERRORS, measure_distance, split_words

MIN_LETTERS = 5
"""Letters from which a word is corrected."""
MIN_LONE_LETTERS = 6
"""The same for a query of one word, whose language is uncertain."""
MAX_CORRECTED = 3
"""Words of a query that are corrected, at most."""
MAX_QUERY_WORDS = 20
"""A longer text is a quotation and not corrected."""
_WORD = re.compile(r"[^\W\d_]+")


def list_unknown_words(text: str) -> list[str]:
    """The words of a query, as they are typed, that can be typing errors.

    Words in quotation marks are taken as they are.
    """
    words = _WORD.findall(re.sub(r"[\"“][^\"”]*[\"”]", " ", text))
    if len(words) > MAX_QUERY_WORDS:
        return []
    shortest = MIN_LETTERS if len(words) > 1 else MIN_LONE_LETTERS
    english = load_english_words()
    unknown = [word for word in dict.fromkeys(words) if len(word) >= shortest and not is_form_of(word.lower(), english)]
    return unknown[:MAX_CORRECTED]


def is_form_of(word: str, words: frozenset[str]) -> bool:
    """Whether a word is one of `words`, or an inflection of one by an ending."""
    forms = {word, *(word.removesuffix(ending) for ending in ("s", "es", "ed", "ing", "er", "ly"))}
    return bool(forms & words)


def split_trigrams(word: str) -> list[str]:
    """The distinct trigrams of a word in lower case, without marks at its ends."""
    lower = word.lower()
    return list(dict.fromkeys(lower[start : start + 3] for start in range(len(lower) - 2)))


def find_correction(word: str, texts: Iterable[str]) -> str | None:
    """The word of `texts` that `word` is a typing error of; None if they have it, or none is near.

    Words of fewer than `MIN_LETTERS` letters are no candidates. Of several at the same distance
    the one with more trigrams in common, then the more frequent one.
    """
    typed = "".join(split_words(word))
    counts = Counter(each for text in texts for each in split_words(text) if len(each) >= MIN_LETTERS and each.isalpha())
    if typed in counts:
        return None
    limit = 2 if len(typed) >= MIN_TWO_ERRORS else 1
    trigrams = set(split_trigrams(typed))
    ranked = []
    for candidate, count in counts.items():
        distance = measure_distance(typed, candidate, limit)
        if distance <= limit:
            theirs = set(split_trigrams(candidate))
            ranked.append((distance, -len(trigrams & theirs) / len(trigrams | theirs), -count, candidate))
    return min(ranked)[-1] if ranked else None


def replace_words(text: str, corrections: dict[str, str]) -> str:
    """The text with whole words replaced."""
    return _WORD.sub(lambda match: corrections.get(match.group(), match.group()), text)
