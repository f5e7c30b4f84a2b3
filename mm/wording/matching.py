"""How the words of a query match the words of a text: exactly, nearly, or by meaning only.

Vectors of sentences that differ in one word are almost equal: 'ace of clubs' and 'seven of clubs'.
Their words differ. `rescore` changes the probability of a match by what the words show; its
coefficients are fitted by `mm eval words --fit` on train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mm.metrics.language.objects import default_object_words
from mm.metrics.language.word_support import FUNCTION_WORDS
from mm.models.text.english_words import load_english_words
from mm.schemas import Match
from mm.wording.words import MIN_TYPED, is_near, measure_distance, split_content_words, split_number_words

LOGIT_CHANGES: Final[dict[str, float]] = {"exact": 1.0, "near": 2.4, "replaced": -7.8, "meaning": 0.0}
"""What the words add to the log-odds of a match."""
MAX_SIMILAR: Final = 2
"""Typing errors up to which two words, one of them not English, can be the same word."""
PERSON: Final = "person"
"""The object of all words for people, which are not the same."""
MIN_PROBABILITY: Final = 1e-9
MIN_RESCORED: Final = 0.02
"""A replaced word lowers no probability below it, so that the hit stays possible."""


@dataclass(frozen=True, slots=True)
class WordMatch:
    """The content words of a query, compared with a text."""

    match: Match
    is_replaced: bool
    """Whether the text has the words of the query with one replaced by another word."""

    @property
    def name(self) -> str:
        """The key of `LOGIT_CHANGES`."""
        return "replaced" if self.is_replaced else self.match


def compare_words(query: str, text: str) -> WordMatch:
    """Compare the content words of a query with a text.

    `exact`: the text has all of them; `near`: it has all, some in another form or with a typing
    error; `meaning`: it lacks one.
    """
    words, present = split_content_words(query), split_content_words(text)
    others = frozenset(present)
    if words and others.issuperset(words):
        return WordMatch("exact", is_replaced=False)
    if words and all(word in others or any(is_near(word, other) for other in present) for word in words):
        return WordMatch("near", is_replaced=False)
    return WordMatch("meaning", _has_replaced_word(split_number_words(query), split_number_words(text)))


def rescore(probability: float, name: str) -> float:
    """The probability of a match of speech or recognized text, by the name of its `WordMatch`."""
    bounded = min(max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY)
    logit = math.log(bounded / (1 - bounded)) + LOGIT_CHANGES[name]
    return max(1 / (1 + math.exp(-logit)), min(probability, MIN_RESCORED))


def _has_replaced_word(words: Sequence[str], present: Sequence[str]) -> bool:
    """Whether consecutive words of a text are those of a query, but for one content word."""
    for start in range(len(present) - len(words) + 1):
        pairs = zip(words, present[start:], strict=False)
        differing = [(word, other) for word, other in pairs if word != other and not is_near(word, other)]
        if len(differing) == 1 and _is_other_word(*differing[0]):
            return len([word for word in words if word not in FUNCTION_WORDS]) > 1
    return False


def _is_other_word(word: str, other: str) -> bool:
    """Whether two words are neither similar in spelling nor names of one object."""
    if word in FUNCTION_WORDS or other in FUNCTION_WORDS:
        return False
    is_long = min(len(word), len(other)) >= MIN_TYPED
    if is_long and measure_distance(word, other, MAX_SIMILAR) <= MAX_SIMILAR and not {word, other} <= load_english_words():
        return False
    objects = [default_object_words().find((each,)) for each in (word, other)]
    return not objects[0] or objects[0] != objects[1] or objects[0] == [PERSON]
