"""Captions without images, with the vectors that stand for their images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mm.data.language.captions import CaptionExample, read_text_only_captions
from mm.data.sentences import Embed, embed_sentences
from mm.training.language.data_sets.sets import write_text_captions

Float = npt.NDArray[np.float32]


def embed_text_captions(multi30k: Path, flickr8k: Path, out: Path, embed: Embed | None = None) -> Path:
    """Write captions of Flickr30k with the unit mean of the vectors of each image's captions.

    The image tower was trained towards such vectors. Images of Flickr8k are left out, see
    `read_text_only_captions`. Raises `InvalidInput` as that does.
    """
    examples = read_text_only_captions(multi30k, flickr8k)
    vectors_CD = embed_sentences([example.text for example in examples], out.with_suffix(".npz"), embed)
    references, means_ND = average_by_image(examples, vectors_CD)
    write_text_captions(out, references, torch.from_numpy(means_ND))
    return out


def average_by_image(examples: Sequence[CaptionExample], vectors_CD: Float) -> tuple[list[tuple[str, ...]], Float]:
    """The captions of each image, and the unit mean (N, D) of their vectors."""
    rows: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        rows.setdefault(example.source, []).append(row)
    means_ND = np.stack([vectors_CD[of_image].mean(axis=0) for of_image in rows.values()])
    references = [tuple(examples[row].text for row in of_image) for of_image in rows.values()]
    return references, (means_ND / np.linalg.norm(means_ND, axis=1, keepdims=True)).astype(np.float32)
