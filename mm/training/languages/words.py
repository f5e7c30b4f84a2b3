"""The words that English has, and those that other languages have: what decides a question of a
word or two.

A word is English's when English texts have it often enough beside the others, or when it is among
the whole words of MiniLM's vocabulary, which was made from English books and pages and stands in
the order of frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from mm.models.text.language_router import is_latin, split_words, strip_accents
from mm.models.text.minilm import find_model_folder

_RATIO = 50  # a word seen so many times more often in other languages than in English is theirs
_COMMON = 8_000  # places in the vocabulary of words that are English whatever else they are
_LEAST, _LEAST_LISTED = 2, 100  # times that other languages must have a word; one that is in the vocabulary too
_DESCRIBED = 10  # a word of a description, which names one thing in a word or two, counts for so many of a sentence


def word_lists(english: Sequence[str], sentences: Sequence[str], described: Sequence[str]) -> tuple[set[str], set[str]]:
    """Unaccented words that English has, and that other languages have; those in both tell nothing.

    `sentences` and `described` are texts in other languages. Words in other scripts are in no list.
    """
    ours, theirs = _counts(english, 1), _counts(sentences, 1) + _counts(described, _DESCRIBED)
    places = vocabulary_places(find_model_folder() / "tokenizer.json")
    has, have = set(), set()
    for word in filter(is_latin, {*ours, *theirs, *places}):
        place, often = places.get(word), theirs[word]
        common = place is not None and place < _COMMON
        if common or often < _RATIO * ours[word] or (place is not None and often < _LEAST_LISTED):
            has.add(word)
        least = _LEAST if place is None else _RATIO if common else _LEAST_LISTED
        if len(word) > 1 and often >= max(least, _RATIO * ours[word]):
            have.add(word)
    return has, have


def vocabulary_places(tokenizer: Path) -> dict[str, int]:
    """Whole words of a WordPiece vocabulary and their places in it; single letters, numbers and
    marks left out."""
    found = Tokenizer.from_file(str(tokenizer)).get_vocab()
    return {word: place for word, place in found.items() if len(word) > 1 and word.isalpha()}


def _counts(texts: Sequence[str], times: int) -> Counter[str]:
    found = Counter(word for text in texts for word in split_words(text))
    folded: Counter[str] = Counter()
    for word, count in found.items():
        folded[strip_accents(word)] += times * count
    return folded
