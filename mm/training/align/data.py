"""Captioned and unlabeled images as tensors on the training device.

Names of tensors end in their axes: N images, H height, W width, C channels, T captions an image, D
dimensions of the space, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mm.data.captioned_images import load_captioned_images, load_images, read_captioned_images
from mm.data.sentences import embed_sentences
from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.training.align.initialization import resize_images

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
"""Suffixes of the files that `find_images` returns."""


@dataclass(frozen=True, slots=True)
class CaptionedTensors:
    """Images (N, H, W, 3) uint8 and unit vectors of their captions (N, T, D)."""

    images: Tensor  # NHWC
    captions: Tensor  # NTD

    def take(self, rows_N: Tensor) -> CaptionedTensors:
        """The images with these indices."""
        return CaptionedTensors(self.images[rows_N], self.captions[rows_N])

    def concatenate(self, other: CaptionedTensors) -> CaptionedTensors:
        """Append the other images, whose captions are repeated up to T."""
        columns = torch.arange(self.captions.shape[1], device=self.captions.device) % other.captions.shape[1]
        captions_NTD = torch.cat([self.captions, other.captions[:, columns]])
        return CaptionedTensors(torch.cat([self.images, other.images]), captions_NTD)


def load_split(folder: Path, split: str, side: int, cache: Path, device: torch.device) -> CaptionedTensors:
    """Load one split; images with fewer captions than others repeat theirs.

    Caption vectors are cached in the folder `cache`. Raises `InvalidInput` for unreadable data.
    """
    rows = read_captioned_images(folder, split)
    count_T = max(len(row.captions) for row in rows)
    sentences = [row.captions[index % len(row.captions)] for row in rows for index in range(count_T)]
    vectors = embed_sentences(sentences, cache / f"{split}.npz")
    captions_NTD = torch.from_numpy(vectors).view(len(rows), count_T, -1)
    return CaptionedTensors(torch.from_numpy(load_captioned_images(rows, side)).to(device), captions_NTD.to(device))


def find_images(folder: Path) -> list[Path]:
    """Return a folder's image files by name. Raises `InvalidInput` when there are none."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise InvalidInput(f"{folder} has no images ({', '.join(sorted(SUFFIXES))}).")
    return files


def load_unlabeled(folder: Path, side: int, device: torch.device) -> Tensor:
    """Load all images (N, side, side, 3) of a folder, sorted by name.

    Raises `InvalidInput` when there are none or one cannot be read.
    """
    return torch.from_numpy(load_images(find_images(folder), side)).to(device)


@torch.no_grad()
def caption_by_classes(
    images_NHWC: Tensor, classifier: ImageEncoder, class_vectors_KD: Tensor, size: int, batch: int = 256
) -> CaptionedTensors:
    """Give each image one pseudo-caption: the mean class vector, weighted by class probability."""
    parts = []
    for rows in torch.split(images_NHWC, batch):
        logits_NK = classifier.project(classifier.features(resize_images(rows, size)))[1]
        parts.append(functional.normalize(logits_NK.softmax(1) @ class_vectors_KD.to(logits_NK), dim=1))
    return CaptionedTensors(images_NHWC, torch.cat(parts)[:, None])
