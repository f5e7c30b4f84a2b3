"""The tokens of a model as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.models.language.tokenizer import LanguageTokenizer


@dataclass(frozen=True)
class Vocabulary:
    """`tokens[i]` holds the bytes of token i, as in byte-level BPE; a token may be part of a
    character of UTF-8. Special tokens, which include the end tokens, add nothing to the text."""

    tokens: tuple[bytes, ...]
    eos_token_ids: tuple[int, ...]
    special_token_ids: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.eos_token_ids:
            raise InvalidInput("The vocabulary has no end token.")
        if not all(0 <= token_id < len(self.tokens) for token_id in self._special):
            raise InvalidInput(f"A special token is outside of the vocabulary of {len(self.tokens)} tokens.")

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _special(self) -> frozenset[int]:
        return self.special_token_ids | frozenset(self.eos_token_ids)

    def is_special(self, token_id: int) -> bool:
        return token_id in self._special

    def text_bytes(self, token_id: int) -> bytes:
        """The bytes that the token adds to the text."""
        return b"" if token_id in self._special else self.tokens[token_id]


def make_vocabulary(tokenizer: LanguageTokenizer) -> Vocabulary:
    """The tokens of a tokenizer as the engine needs them."""
    tokens = tuple(tokenizer.get_bytes(token_id) for token_id in range(tokenizer.vocab_size))
    special = frozenset(token_id for token_id, data in enumerate(tokens) if not data)
    return Vocabulary(tokens, (tokenizer.eos_id,), special)
