"""How well a weights file finds pictures by their captions, as it is served; needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm.evaluation.retrieval import Retrieval, recall_of_vectors
from mm.models.image import ImageTower
from mm.training.captioned import load_pictures, read_captioned
from mm.training.sentences import sentence_vectors


def evaluate(weights: Path, data: Path, cache: Path, split: str = "dev") -> Retrieval:
    """Recalls of a weights file as it is served: exported graph, on the CPU. Reproduces the numbers of the card.

    Graphs and vectors of sentences are kept in the folder `cache`. Raises `InvalidInput` for data that cannot be read and
    `Corrupt` for a file that holds no image tower.
    """
    rows = read_captioned(data, split)
    tower = ImageTower(weights, cache)
    pictures = load_pictures(rows, tower.size)
    sentences = [caption for row in rows for caption in row.captions]
    captions = sentence_vectors(sentences, cache / f"{split}.npz")
    picture_of_caption = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    return recall_of_vectors(tower.embed(list(pictures)), captions, picture_of_caption)
