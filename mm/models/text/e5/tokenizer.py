"""The SentencePiece tokenizer of XLM-RoBERTa, from the tables of the weights file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.models.inputs import replace_surrogates
from mm.models.text.e5.file import Vocabulary
from mm.models.text.e5.unigram import UnigramModel

PREFIX = "query: "
"""What the encoder was trained to read before a text that is compared with others like it."""
_SPACE = "\u2581"  # stands for a space in the pieces
_SPACES = re.compile(" {2,}")


class E5Tokenizer:
    """Texts to token ids, with the prefix, the first and the last token."""

    def __init__(self, vocabulary: Vocabulary, max_tokens: int) -> None:
        """Longer texts are truncated to `max_tokens`, the two special tokens included."""
        self._replacements = vocabulary.replacements
        self._model = UnigramModel(vocabulary.pieces, vocabulary.scores, vocabulary.unknown)
        self._first, self._last, self._num_pieces = vocabulary.bos, vocabulary.eos, max_tokens - 2

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text."""
        pieces = self._split([self._normalize(text) for text in texts])
        return [[self._first, *ids[: self._num_pieces], self._last] for ids in pieces]

    def is_truncated(self, text: str) -> bool:
        """Whether the end of a text is cut off."""
        return len(self._model.split(self._normalize(text))) > self._num_pieces

    def _split(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of the pieces of normalized texts."""
        return [self._model.split(text) for text in texts]

    def _normalize(self, text: str) -> str:
        (text,) = replace_surrogates([PREFIX + text])
        text = _SPACES.sub(" ", text.translate(self._replacements))
        return _SPACE + text.replace(" ", _SPACE)
