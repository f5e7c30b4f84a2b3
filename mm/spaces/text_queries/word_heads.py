"""Short queries compared with images by the heads of their words, beside the vector of the text.

The vector of 'ball' is that of a sentence encoder; the head of 'ball' is a logistic regression on
the vectors of images whose captions have the word (`mm.models.image.caption_heads`). Both are
linear in the vector of an image, and so is their sum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mm.metrics.language.objects import default_object_words
from mm.metrics.language.word_support import FUNCTION_WORDS

if TYPE_CHECKING:
    from mm.models.image.caption_heads import CaptionHeads
    from mm.models.image.linear_head import LinearHead
    from mm.spaces.types import Vector

WEIGHTS = (4.0, 1.0, 0.4)
"""Weight of the sum of the heads beside the calibrated log-odds, for queries of one, two and three
content words; longer ones are compared by their vector alone."""
OBJECT_SHARE = 0.7
"""Share of the head of an object in that of a word that names it. The head of 'dog' knows captions
with this word, that of the object also those with 'puppy' and 'terrier'. Chosen on dev among 0,
0.3, 0.5, 0.7 and 1."""
PERSON = "person"
"""The object of all words for people, which says less than each of them."""
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True)
class WordHeads:
    """Heads by word: those of the phrases of one word, then those of the objects."""

    heads: CaptionHeads

    @cached_property
    def _phrase_columns(self) -> dict[str, int]:
        names = self.heads.phrases.names
        return {name: column for column, name in enumerate(names) if " " not in name and name not in FUNCTION_WORDS}

    @cached_property
    def _object_columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.heads.objects.names) if name != PERSON}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Words that typing errors are corrected to: those with a head, and names of objects."""
        words = (word for phrase in default_object_words().object_of for word in phrase)
        return frozenset(word for word in (*self._phrase_columns, *words) if word.isalpha())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Words that have a head of their own, and names of objects."""
        return tuple(dict.fromkeys([*self._phrase_columns, *self._object_columns]))

    def find(self, words: Sequence[str]) -> list[tuple[Vector, float]]:
        """Weight (D,) and bias of the head of each word that has one."""
        return [head for word in words if (head := self._find_head(word)) is not None]

    def _find_head(self, word: str) -> tuple[Vector, float] | None:
        """The head of a word, that of its object, or their mean by `OBJECT_SHARE`."""
        of_word = _take(self.heads.phrases, self._phrase_columns[word]) if word in self._phrase_columns else None
        objects = (name for name in default_object_words().find((word,)) if name in self._object_columns)
        of_object = next((_take(self.heads.objects, self._object_columns[name]) for name in objects), None)
        if of_word is None or of_object is None:
            return of_word or of_object
        share = np.float32(OBJECT_SHARE)
        return (1 - share) * of_word[0] + share * of_object[0], (1 - OBJECT_SHARE) * of_word[1] + OBJECT_SHARE * of_object[1]


def _take(head: LinearHead, column: int) -> tuple[Vector, float]:
    return np.asarray(head.weight_CD[column], np.float32), float(head.bias_C[column])


@dataclass(frozen=True, slots=True)
class HeadScale:
    """The mean log-odds of the heads are about `slope` times the score plus `offset`."""

    slope: float
    offset: float


def split_query_words(text: str) -> list[str]:
    """The distinct words of a text that are not function words, in lower case."""
    return list(dict.fromkeys(word for word in _WORD.findall(text.lower()) if len(word) > 1 and word not in FUNCTION_WORDS))
