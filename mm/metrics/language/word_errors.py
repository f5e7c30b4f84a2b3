"""Word error rate and character error rate of recognized speech.

The edits (substitutions, deletions, insertions; Levenshtein 1966) that turn the reference into what
was heard, divided by the length of the reference. Both are compared without case, punctuation and
white space, as in Radford et al. 2022, and without any other normalization: "2" is not "two".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence

import numpy as np

WITHOUT_SPACES = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages whose words are not separated: they have a character error rate only."""


def split_words(text: str) -> list[str]:
    """The words of a text in lower case. Punctuation separates them, but apostrophe and hyphen."""
    return "".join(_keep(character) for character in _normalize(text)).split()


def split_characters(text: str) -> list[str]:
    """The characters of the words of a text, without the spaces between."""
    return list("".join(split_words(text)))


def count_edits(reference: Sequence[Hashable], heard: Sequence[Hashable]) -> int:
    """The least number of substitutions, deletions and insertions between two sequences.

    One row of the table at a time: the insertions along a row are a running minimum.
    """
    if not reference or not heard:
        return max(len(reference), len(heard))
    codes: dict[Hashable, int] = {}
    first, second = (np.array([codes.setdefault(token, len(codes)) for token in tokens]) for tokens in (reference, heard))
    steps = np.arange(len(second) + 1)
    row = steps.copy()
    for index, token in enumerate(first, 1):
        best = np.empty_like(row)
        best[0] = index
        best[1:] = np.minimum(row[1:] + 1, row[:-1] + (second != token))
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _keep(character: str) -> str:
    """A letter, mark or digit as it is; nothing for a sign within a word, else a space."""
    if unicodedata.category(character)[0] in "LMN":
        return character
    return "" if character in "'’‘`-‐‑" else " "
