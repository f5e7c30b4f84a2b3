"""Captions that a teacher, another image-text model, chooses: the sentences nearest to an image.

Distillation by text works whatever the teacher's space is, and also on images without captions.
Names of arrays end in their axes: N images, S sentences, T captions an image, D dimensions of the
teacher's space.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from mm.data.captioned_images import load_images, read_captioned_images, read_image
from mm.data.sentences import embed_sentences
from mm.errors import InvalidInput
from mm.metrics.retrieval import Retrieval, recall_of_vectors
from mm.models.types import ImageEmbedder, TextEmbedder
from mm.spaces.types import SpaceId
from mm.training.align.data import CaptionedTensors
from mm.training.array_cache import load_or_compute

BLOCK = 256
"""Images whose vectors are cached together: at most so many are embedded again after a stop."""

Float = npt.NDArray[np.float32]


class Teacher(Protocol):
    """Two towers of one space, such as an `OpenClipSpace`; the id changes whenever vectors do."""

    @property
    def id(self) -> SpaceId: ...
    @property
    def image(self) -> ImageEmbedder: ...
    @property
    def text(self) -> TextEmbedder: ...


def caption_images(
    teacher: Teacher,
    files: Sequence[Path],
    sentences: Sequence[str],
    captions_per_image: int,
    side: int,
    cache: Path,
    device: torch.device,
) -> CaptionedTensors:
    """Load images at `side` pixels, each with the vectors of its nearest sentences.

    The teacher's image vectors are cached in the folder `cache`. Raises `InvalidInput` for a file
    that is not an image, and for fewer sentences than captions.
    """
    if not 1 <= captions_per_image <= len(sentences):
        raise InvalidInput(f"{captions_per_image} captions cannot be chosen from {len(sentences)} sentences.")
    images_ND = embed_images(teacher, files, cache)
    nearest_NT = find_nearest_sentences(images_ND, embed_texts(teacher, sentences), captions_per_image)
    captions_SD = embed_sentences(sentences, cache / "sentences.npz")
    return CaptionedTensors(
        torch.from_numpy(load_images(files, side)).to(device), torch.from_numpy(captions_SD[nearest_NT]).to(device)
    )


def find_nearest_sentences(images_ND: Float, sentences_SD: Float, count_T: int) -> npt.NDArray[np.int64]:
    """Rows (N, T) of the sentences with the highest cosine, best first."""
    blocks = [np.argsort(-(rows_ND @ sentences_SD.T), axis=1, kind="stable")[:, :count_T] for rows_ND in _blocks(images_ND)]
    return np.concatenate(blocks)


def embed_images(teacher: Teacher, files: Sequence[Path], cache: Path) -> Float:
    """Embed image files at their own size: unit rows (N, D), cached by block."""
    parts = []
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        digest = hashlib.sha256("\n".join([str(teacher.id), *(f"{path} {path.stat().st_size}" for path in block)]).encode())
        path = cache / f"seen-{digest.hexdigest()[:16]}.npy"
        parts.append(load_or_compute(path, lambda block=block: teacher.image.embed([read_image(file) for file in block])))  # type: ignore[misc]
    return np.concatenate(parts)


def embed_texts(teacher: Teacher, sentences: Sequence[str]) -> Float:
    """Embed sentences: unit rows (S, D)."""
    return np.concatenate([teacher.text.embed(sentences[start : start + BLOCK]) for start in range(0, len(sentences), BLOCK)])


def measure_teacher_recall(teacher: Teacher, data: Path, cache: Path) -> Retrieval:
    """Recalls on dev of the teacher with its own towers."""
    rows = read_captioned_images(data, "dev")
    captions_SD = embed_texts(teacher, [caption for row in rows for caption in row.captions])
    image_of_S = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    return recall_of_vectors(embed_images(teacher, [row.path for row in rows], cache), captions_SD, image_of_S)


def _blocks(rows_ND: Float) -> Iterator[Float]:
    for start in range(0, len(rows_ND), BLOCK):
        yield rows_ND[start : start + BLOCK]
