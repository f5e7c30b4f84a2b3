"""Byte-level BPE of a text without its merge table: the pair with the smallest token id is merged
first, which is the order of training (Sennrich et al. 2016, arXiv:1508.07909).

A grammar forces text, which must have the tokens of the tokenizer: another split, such as into
bytes, is text that the model has never seen, and what it writes next is as bad.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NUM_KEPT, MIN_KEPT_BYTES = 16, 64
"""Number of texts whose tokens are kept, and their least length."""


class _Encoded(NamedTuple):
    text: bytes
    tokens: list[int]
    first_token_of: dict[int, int]
    """Index of the token with which an end of the text begins, by the length of the end."""


class BytePairEncoder:
    """Keeps the tokens of the last long texts, because llguidance encodes the rest of a forced text
    again after each token. No merge crosses the border between two tokens, so that the tokens of
    such a rest are the last ones of the whole."""

    def __init__(self, token_of: Mapping[bytes, int]) -> None:
        self._token_of = token_of
        self._recent: deque[_Encoded] = deque(maxlen=NUM_KEPT)

    def encode(self, text: bytes) -> list[int]:
        """The token ids of a text. A byte that is no token is left out."""
        for known in self._recent:
            if (first := known.first_token_of.get(len(text))) is not None and known.text.endswith(text):
                return known.tokens[first:]
        pieces = self._merge_pairs([piece for i in range(len(text)) if (piece := text[i : i + 1]) in self._token_of])
        tokens = [self._token_of[piece] for piece in pieces]
        if len(text) >= MIN_KEPT_BYTES and sum(map(len, pieces)) == len(text):
            lengths = accumulate(map(len, pieces), initial=0)
            self._recent.append(_Encoded(text, tokens, {len(text) - length: i for i, length in enumerate(lengths)}))
        return tokens

    def _merge_pairs(self, bytes_of_text: list[bytes]) -> list[bytes]:
        """The first pair of the smallest token is merged, until no pair is a token."""
        pieces: list[bytes | None] = [*bytes_of_text]
        following = list(range(1, len(pieces) + 1))  # place of the next piece; a merge empties a place
        preceding = list(range(-1, len(pieces) - 1))
        queue = [(token, i) for i in range(len(pieces)) if (token := self._get_pair(pieces, i, following)) is not None]
        heapify(queue)
        while queue:
            token, i = heappop(queue)
            left, removed = pieces[i], following[i]
            if self._get_pair(pieces, i, following) != token or left is None or (right := pieces[removed]) is None:
                continue  # one of the two was merged with another
            pieces[i], pieces[removed], following[i] = left + right, None, following[removed]
            if following[i] < len(pieces):
                preceding[following[i]] = i
            for place in (preceding[i], i):
                if place >= 0 and (pair := self._get_pair(pieces, place, following)) is not None:
                    heappush(queue, (pair, place))
        return [piece for piece in pieces if piece is not None]

    def _get_pair(self, pieces: list[bytes | None], i: int, following: list[int]) -> int | None:
        """The token of the piece at a place and the next one together, if there is one."""
        left = pieces[i]
        right = pieces[following[i]] if following[i] < len(pieces) else None
        return None if left is None or right is None else self._token_of.get(left + right)
