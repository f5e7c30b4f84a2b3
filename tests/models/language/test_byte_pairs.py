"""Byte-level BPE in the order of token ids."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mm.models.language.byte_pairs import BytePairEncoder


def merge_one_by_one(text: bytes, token_of: dict[bytes, int]) -> list[int]:
    """The definition: merge the first pair of the smallest token until there is none."""
    pieces = [text[i : i + 1] for i in range(len(text)) if text[i : i + 1] in token_of]
    while pairs := [(token_of[a + b], i) for i, (a, b) in enumerate(pairwise(pieces)) if a + b in token_of]:
        _, i = min(pairs)
        pieces[i : i + 2] = [pieces[i] + pieces[i + 1]]
    return [token_of[piece] for piece in pieces]


@settings(max_examples=60, deadline=None)
@given(
    merges=st.lists(st.text("abc", min_size=2, max_size=5), max_size=12, unique=True),
    text=st.text("abcd", min_size=1, max_size=200),
    starts=st.lists(st.integers(0, 200), max_size=6),
)
def test_encoder_equals_reference_for_a_text_and_its_ends(merges: list[str], text: str, starts: list[int]) -> None:
    token_of = {token.encode(): i for i, token in enumerate(("a", "b", "c", *merges))}  # "d" is in no token
    encoder = BytePairEncoder(token_of)
    for part in (text, *(text[start:] for start in starts)):
        assert encoder.encode(part.encode()) == merge_one_by_one(part.encode(), token_of)
