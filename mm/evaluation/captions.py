"""Retrieval of images by captions and captions by images, with a weights file as it is served.

Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.media.types import RGB
from mm.metrics.retrieval import Retrieval, recall_of_vectors
from mm.models.image.tower import ImageTower


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (N, side, side, 3), caption vectors (M, D), and each caption's image (M,)."""

    images: RGB
    captions: npt.NDArray[np.float32]
    image_of_caption: npt.NDArray[np.int64]

    def recall(self, vectors: npt.NDArray[np.float32]) -> Retrieval:
        """Recalls with these image vectors (N, D)."""
        return recall_of_vectors(vectors, self.captions, self.image_of_caption)


def read_split(data: Path, side: int, cache: Path, split: str = "dev") -> Split:
    """Read one split of captioned images; sentence vectors are cached in the folder `cache`.

    Raises `InvalidInput` for unreadable data.
    """
    rows = read_captioned_images(data, split)
    sentences = [caption for row in rows for caption in row.captions]
    captions = embed_sentences(sentences, cache / f"{split}.npz")
    image_of_caption = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    return Split(load_captioned_images(rows, side), captions, image_of_caption)


def measure_recall(weights: Path, data: Path, cache: Path, split: str = "dev", runtime: str = "auto") -> Retrieval:
    """Measure the recalls of a weights file, as its card states them.

    Raises `InvalidInput` for unreadable data, and as `ImageTower`.
    """
    images, vectors = _embed_split(weights, data, cache, split, runtime)
    return images.recall(vectors)


def _embed_split(weights: Path, data: Path, cache: Path, split: str, runtime: str) -> tuple[Split, npt.NDArray[np.float32]]:
    tower = ImageTower(weights, cache, runtime)
    images = read_split(data, tower.size, cache, split)
    return images, tower.embed(list(images.images))
