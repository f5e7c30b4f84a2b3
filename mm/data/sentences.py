"""Sentence vectors of the locked text tower, cached on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.files import open_atomic
from mm.models.text.tower import TextTower

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts to unit rows (N, D)."""


def embed_sentences(sentences: Sequence[str], cache: Path, embed: Embed | None = None) -> npt.NDArray[np.float32]:
    """Embed sentences: unit rows (N, D), by the text tower unless `embed` is passed.

    They are read from the file `cache` (npz) when it was written for the same sentences.
    """
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()
    if cache.exists():
        with np.load(cache) as arrays:
            if str(arrays["digest"]) == digest:
                return np.asarray(arrays["vectors"], np.float32)
    vectors = (embed or TextTower(cache.parent / "graphs").embed)(sentences).astype(np.float16)
    with open_atomic(cache) as file:
        np.savez(file, digest=np.array(digest), vectors=vectors)
    return vectors.astype(np.float32)


def imagenet_class_sentences() -> list[str]:
    """A sentence for each ImageNet class in the classifier's order, from the names in open_clip."""
    from open_clip import IMAGENET_CLASSNAMES

    return [f"a photo of a {name}." for name in IMAGENET_CLASSNAMES]
