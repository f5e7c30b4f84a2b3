"""Tokens and n-grams of captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mm.errors import InvalidInput

Tokens = tuple[str, ...]
"""The tokens of a caption, as `tokenize` returns them. A plain string is not a caption here."""

References = Sequence[Tokens]
"""The reference captions of one image, moment or video."""

MAX_N = 4


def count_ngrams(tokens: Tokens, max_n: int = MAX_N) -> Counter[Tokens]:
    """Count the n-grams of every length from 1 to `max_n`."""
    return Counter(tokens[start : start + n] for n in range(1, max_n + 1) for start in range(len(tokens) - n + 1))


def check_tokens(tokens: Tokens) -> None:
    """Check that a caption is tokenized: a string would be read as its letters."""
    if isinstance(tokens, str):
        raise InvalidInput("Captions must be tokenized: a string has letters, not tokens.")


def check_captions(candidates: Sequence[Tokens], references: Sequence[References]) -> None:
    """Check that there are candidates and that each has references.

    Raises `InvalidInput` otherwise, and for a string where tokens are expected.
    """
    if not candidates or len(candidates) != len(references):
        raise InvalidInput(f"{len(candidates)} candidates cannot be compared with references of {len(references)}.")
    if not all(references):
        raise InvalidInput("A candidate has no reference.")
    for tokens in (*candidates, *(tokens for several in references for tokens in several)):
        check_tokens(tokens)
