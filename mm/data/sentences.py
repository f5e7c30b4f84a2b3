"""Sentences as vectors of the locked text tower, kept on disk between runs."""

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


def embed_sentences(sentences: Sequence[str], kept: Path, embed: Embed | None = None) -> npt.NDArray[np.float32]:
    """Unit rows (N, D), read from the file `kept` (npz) when it holds these very sentences, else
    computed and written there.

    They are those of the locked text tower, unless another way to `embed` is given.
    """
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()
    if kept.exists():
        with np.load(kept) as arrays:
            if str(arrays["digest"]) == digest:
                return np.asarray(arrays["vectors"], np.float32)
    vectors = (embed or TextTower(kept.parent / "graphs").embed)(sentences).astype(np.float16)
    with open_atomic(kept) as file:
        np.savez(file, digest=np.array(digest), vectors=vectors)
    return vectors.astype(np.float32)


def imagenet_class_sentences() -> list[str]:
    """A sentence for each ImageNet class, in the classifier's order, from the curated names that
    open_clip carries."""
    from open_clip import IMAGENET_CLASSNAMES

    return [f"a photo of a {name}." for name in IMAGENET_CLASSNAMES]
