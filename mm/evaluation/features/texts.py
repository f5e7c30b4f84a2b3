"""Vectors of texts, kept by text and by tower, so that a second run embeds only new texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm.evaluation.features.cache import FeatureCache

if TYPE_CHECKING:
    from mm.spaces import Space
    from mm.spaces.types import Vectors

BATCH = 256
"""Texts that are embedded at once, and stored in one transaction."""


def embed_texts(space: Space, texts: Sequence[str], kind: str, on_batch: Callable[[], None] = lambda: None) -> Vectors:
    """Vectors (M, D) of texts that are compared with this kind of evidence.

    Without a cache: the reference implementation of `TextCache.embed`. `on_batch` is called often,
    and may raise to stop the work.
    """
    tower = space.text if kind == "picture" else space.sound_text
    rows = []
    for start in range(0, len(texts), BATCH):
        rows.append(tower.embed(list(texts[start : start + BATCH])))
        on_batch()
    return np.concatenate(rows)


class TextCache:
    """Embeds texts with the towers of one space, and keeps the vectors in a `FeatureCache`."""

    def __init__(self, cache: FeatureCache, space: Space, weights: str, on_batch: Callable[[], None] = lambda: None) -> None:
        """`weights` is a hash of all weights of the space; `on_batch` as in `embed_texts`."""
        self._cache, self._space, self._weights, self._on_batch = cache, space, weights, on_batch

    def name(self, kind: str) -> str:
        """Key of the tower: everything but the text that a vector depends on."""
        tower = "text" if kind == "picture" else "sound_text"
        return f"{self._space.id}|{self._weights}|{self._space.runtime_name}|{tower}"

    def embed(self, texts: Sequence[str], kind: str) -> Vectors:
        """Vectors (M, D) of texts that are compared with this kind of evidence.

        Equal texts have equal vectors. They differ from those of `embed_texts` by rounding only,
        because the last bits depend on the texts of the batch. The tower is not loaded if all texts
        are stored. Raises as the tower, and `StorageFull`.
        """
        encoder = self.name(kind)
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        text_of = dict(zip(digests, texts, strict=True))
        vectors = self._cache.get_texts(list(text_of), encoder)
        lacking = [digest for digest in text_of if digest not in vectors]
        for start in range(0, len(lacking), BATCH):
            several = lacking[start : start + BATCH]
            rows = embed_texts(self._space, [text_of[digest] for digest in several], kind, self._on_batch)
            new = dict(zip(several, rows, strict=True))
            self._cache.put_texts(new, encoder)
            vectors |= new
        return np.stack([vectors[digest] for digest in digests])
