"""The SentencePiece tokenizer of XLM-RoBERTa, from the tables of the weights file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer, models, processors

from mm.models.inputs import replace_surrogates
from mm.models.text.e5.file import Vocabulary

PREFIX = "query: "
"""What the encoder was trained to read before a text that is compared with others like it."""
_SPACE = "\u2581"  # stands for a space in the pieces
_SPACES = re.compile(" {2,}")


class E5Tokenizer:
    """Texts to token ids, with the prefix, the first and the last token."""

    def __init__(self, vocabulary: Vocabulary, max_tokens: int) -> None:
        """Longer texts are truncated to `max_tokens`, the two special tokens included."""
        self._replacements = vocabulary.replacements
        scored = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
        self._tokenizer = Tokenizer(models.Unigram(scored, vocabulary.unknown, byte_fallback=False))
        first, last = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
        self._tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}", special_tokens=[(first, vocabulary.bos), (last, vocabulary.eos)]
        )
        self._tokenizer.enable_truncation(max_tokens)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch([self._normalize(text) for text in texts])]

    def is_truncated(self, text: str) -> bool:
        """Whether the end of a text is cut off."""
        return bool(self._tokenizer.encode(self._normalize(text)).overflowing)

    def _normalize(self, text: str) -> str:
        (text,) = replace_surrogates([PREFIX + text])
        text = _SPACES.sub(" ", text.translate(self._replacements))
        return _SPACE + text.replace(" ", _SPACE)
