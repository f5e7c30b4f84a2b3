"""Captions by a teacher: of all sentences at hand, those that another image-text model finds
nearest to a picture.

With them a small tower learns what a larger model sees, in the space of sentences that the small
one has, whatever space the teacher's is, and from pictures that nobody described. Names of arrays
end in their axes: N pictures, S sentences, T sentences told of a picture, D dimensions of the
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
from PIL import Image

from mm.data.captioned_images import load_images, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.errors import InvalidInput
from mm.files import open_atomic
from mm.media.types import RGB
from mm.metrics.retrieval import Retrieval, recall_of_vectors
from mm.models.types import ImageEmbedder, TextEmbedder
from mm.spaces.types import SpaceId
from mm.training.align.data import CaptionedTensors

BLOCK = 256
"""Pictures whose vectors are kept together: what is lost when a run is stopped while the teacher
looks."""


class Teacher(Protocol):
    """Two towers of one space, such as an `OpenClipSpace`. Its id changes with anything that
    decides its vectors."""

    @property
    def id(self) -> SpaceId: ...
    @property
    def image(self) -> ImageEmbedder: ...
    @property
    def text(self) -> TextEmbedder: ...


def caption_images(
    teacher: Teacher, files: Sequence[Path], sentences: Sequence[str], told: int, side: int, kept: Path, device: torch.device
) -> CaptionedTensors:
    """The pictures at `side` pixels, each with the `told` sentences that the teacher finds nearest,
    as MiniLM's vectors.

    What the teacher sees is kept in the folder `kept`. Raises `InvalidInput` for a file that is no
    picture, and for fewer sentences than are told.
    """
    if not 1 <= told <= len(sentences):
        raise InvalidInput(f"Of {len(sentences)} sentences {told} cannot be told.")
    seen_ND = embed_images(teacher, files, kept)
    nearest_NT = find_nearest_sentences(seen_ND, embed_texts(teacher, sentences), told)
    captions_SD = embed_sentences(sentences, kept / "sentences.npz")
    return CaptionedTensors(
        torch.from_numpy(load_images(files, side)).to(device), torch.from_numpy(captions_SD[nearest_NT]).to(device)
    )


def find_nearest_sentences(
    seen_ND: npt.NDArray[np.float32], said_SD: npt.NDArray[np.float32], told: int
) -> npt.NDArray[np.int64]:
    """(N, T) rows of the sentences with the highest cosine, best first."""
    blocks = [np.argsort(-(rows_ND @ said_SD.T), axis=1, kind="stable")[:, :told] for rows_ND in _blocks(seen_ND)]
    return np.concatenate(blocks)


def embed_images(teacher: Teacher, files: Sequence[Path], kept: Path) -> npt.NDArray[np.float32]:
    """Unit rows (N, D) of pictures as they are, each block of them read from `kept` where it is
    there."""
    found = []
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        digest = hashlib.sha256("\n".join([str(teacher.id), *(f"{path} {path.stat().st_size}" for path in block)]).encode())
        path = kept / f"seen-{digest.hexdigest()[:16]}.npy"
        if not path.exists():
            vectors_ND = teacher.image.embed([_picture(picture) for picture in block])
            with open_atomic(path) as file:
                np.save(file, vectors_ND)
        found.append(np.load(path))
    return np.concatenate(found)


def embed_texts(teacher: Teacher, sentences: Sequence[str]) -> npt.NDArray[np.float32]:
    """Unit rows (S, D)."""
    return np.concatenate([teacher.text.embed(sentences[start : start + BLOCK]) for start in range(0, len(sentences), BLOCK)])


def measure_teacher_recall(teacher: Teacher, data: Path, kept: Path) -> Retrieval:
    """How well the teacher itself finds the pictures of dev by their captions, with its own
    towers."""
    rows = read_captioned_images(data, "dev")
    said_SD = embed_texts(teacher, [caption for row in rows for caption in row.captions])
    picture_of_S = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    return recall_of_vectors(embed_images(teacher, [row.path for row in rows], kept), said_SD, picture_of_S)


def _picture(path: Path) -> RGB:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as a picture: {error}.") from error


def _blocks(rows_ND: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(rows_ND), BLOCK):
        yield rows_ND[start : start + BLOCK]
