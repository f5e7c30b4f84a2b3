"""English words for the words of a short text in another language, by the nearest vectors.

The heads of words are named in English. A word in another language has the head of the English word
whose vector is nearest to its own, if that is near enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mm.spaces.text_queries.word_heads import WEIGHTS
from mm.wording.words import split_at_spaces

if TYPE_CHECKING:
    from mm.models.types import TextEmbedder
    from mm.spaces.types import Vectors

MIN_COSINE = 0.75
"""Cosine from which an English word is taken for a word in another language. Chosen among 0.65 to
0.85 on the translated everyday questions."""
MAX_WORDS = len(WEIGHTS)
"""Words of a text up to which it has glosses: heads are used for no longer one."""


@dataclass(frozen=True)
class Glosses:
    """Finds the nearest of `words`, which are English, by the vectors of a tower."""

    words: tuple[str, ...]
    english: TextEmbedder
    """Its vectors are in the same space as those of the texts."""

    @cached_property
    def _vectors(self) -> Vectors:
        """(N, D), one row for each word."""
        return self.english.embed(self.words)

    def find(self, text: str, tower: TextEmbedder) -> list[str]:
        """The English word of a whole text, else of each of its words; empty unless all have one.

        `tower` encodes texts in the language of this one.
        """
        parts = split_at_spaces(text)
        if not 0 < len(parts) <= MAX_WORDS:
            return []
        texts = [text, *(parts if len(parts) > 1 else ())]
        whole, *others = self._find_nearest(tower.embed(texts))
        if whole is not None:
            return [whole]
        found = [word for word in others if word is not None]
        return list(dict.fromkeys(found)) if found and len(found) == len(parts) else []

    def _find_nearest(self, vectors_TD: Vectors) -> list[str | None]:
        cosines_TN = vectors_TD @ self._vectors.T
        nearest_T = cosines_TN.argmax(axis=1)
        best_T: Sequence[float] = cosines_TN[np.arange(len(nearest_T)), nearest_T].tolist()
        return [
            self.words[index] if cosine >= MIN_COSINE else None for index, cosine in zip(nearest_T.tolist(), best_T, strict=True)
        ]
