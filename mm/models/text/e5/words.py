"""The embeddings of the tokens of texts, which stay in 4 bits in the mapped file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.models.text.e5.file import E5File
from mm.models.text.e5.tokenizer import E5Tokenizer

Float = npt.NDArray[np.float32]


class WordEmbeddings:
    """Mean embeddings of the tokens of texts, without the prefix and the special tokens."""

    def __init__(self, file: E5File, tokenizer: E5Tokenizer) -> None:
        self._matrix, self._tokenizer = file.matrix("emb.word", file.width), tokenizer
        self._num_prefix = len(tokenizer.encode([""])[0]) - 2  # an empty text has one token, a space
        self.width = file.width

    def embed(self, texts: Sequence[str]) -> Float:
        """Rows (N, D); zeros for a text without tokens."""
        tokens = [ids[self._num_prefix : -1] for ids in self._tokenizer.encode(texts)]
        rows = [
            self._matrix.dequantize(np.array(ids, np.int64)).mean(0) if ids else np.zeros(self.width, np.float32)
            for ids in tokens
        ]
        return np.stack(rows).astype(np.float32)
