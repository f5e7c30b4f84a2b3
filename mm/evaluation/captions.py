"""How well a weights file finds pictures by their captions, as it is served; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.media.types import RGB
from mm.metrics.report import Report
from mm.metrics.retrieval import Retrieval, recall_of_vectors, retrieval_report
from mm.models.image.tower import ImageTower


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Pictures (N, side, side, 3), vectors of their captions (M, D), and each caption's picture
    (M,)."""

    pictures: RGB
    captions: npt.NDArray[np.float32]
    picture_of_caption: npt.NDArray[np.int64]

    def recall(self, vectors: npt.NDArray[np.float32]) -> Retrieval:
        """Recalls when the pictures have these vectors (N, D)."""
        return recall_of_vectors(vectors, self.captions, self.picture_of_caption)


def read_split(data: Path, side: int, cache: Path, split: str = "dev") -> Split:
    """One split of captioned pictures. Graphs and vectors of sentences are kept in the folder
    `cache`.

    Raises `InvalidInput` for data that cannot be read.
    """
    rows = read_captioned_images(data, split)
    sentences = [caption for row in rows for caption in row.captions]
    captions = embed_sentences(sentences, cache / f"{split}.npz")
    return Split(
        load_captioned_images(rows, side), captions, np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    )


def measure_recall(weights: Path, data: Path, cache: Path, split: str = "dev", runtime: str = "auto") -> Retrieval:
    """Recalls of a weights file as it is served by a runtime, as the card gives them.

    Raises `InvalidInput` for data that cannot be read, and as `ImageTower`.
    """
    found, vectors = _embedded(weights, data, cache, split, runtime)
    return found.recall(vectors)


def evaluate(weights: Path, data: Path, cache: Path, split: str = "dev", runtime: str = "auto") -> Report:
    """The recalls with median rank, mAP@5 and intervals. Raises as `measure_recall`."""
    found, vectors = _embedded(weights, data, cache, split, runtime)
    of = f"{len(vectors):,} pictures and {len(found.captions):,} captions of {split}, the image tower in {runtime}"
    return retrieval_report(of, vectors @ found.captions.T, found.picture_of_caption)


def _embedded(weights: Path, data: Path, cache: Path, split: str, runtime: str) -> tuple[Split, npt.NDArray[np.float32]]:
    tower = ImageTower(weights, cache, runtime)
    found = read_split(data, tower.size, cache, split)
    return found, tower.embed(list(found.pictures))
