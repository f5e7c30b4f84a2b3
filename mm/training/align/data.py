"""CaptionedImage pictures, and pictures without captions, as tensors on the device that trains.

Names of tensors end in their axes: N pictures, H height, W width, C channels, T captions a picture,
D dimensions of the space, K classes.
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

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
"""Endings of files that a folder of pictures is searched for."""


@dataclass(frozen=True, slots=True)
class CaptionedTensors:
    """Pictures (N, H, W, 3) uint8 and captions (N, T, D) unit vectors, in memory, on the device
    that trains."""

    pictures: Tensor  # NHWC
    captions: Tensor  # NTD

    def joined(self, other: CaptionedTensors) -> CaptionedTensors:
        """These and then the others, which repeat their captions until they have as many."""
        turns = torch.arange(self.captions.shape[1], device=self.captions.device) % other.captions.shape[1]
        captions_NTD = torch.cat([self.captions, other.captions[:, turns]])
        return CaptionedTensors(torch.cat([self.pictures, other.pictures]), captions_NTD)


def load_split(folder: Path, split: str, side: int, cache: Path, device: torch.device) -> CaptionedTensors:
    """Read one split. Pictures with fewer captions than the most described one repeat theirs;
    vectors are kept in `cache`."""
    rows = read_captioned_images(folder, split)
    count_T = max(len(row.captions) for row in rows)
    sentences = [row.captions[index % len(row.captions)] for row in rows for index in range(count_T)]
    vectors = embed_sentences(sentences, cache / f"{split}.npz")
    captions_NTD = torch.from_numpy(vectors).view(len(rows), count_T, -1)
    return CaptionedTensors(torch.from_numpy(load_captioned_images(rows, side)).to(device), captions_NTD.to(device))


def find_unlabeled(folder: Path) -> list[Path]:
    """All pictures of a folder, by name. Raises `InvalidInput` when there are none."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not files:
        raise InvalidInput(f"{folder} has no pictures ({', '.join(sorted(PICTURES))}).")
    return files


def load_unlabeled(folder: Path, side: int, device: torch.device) -> Tensor:
    """All pictures (N, side, side, 3) of a folder, by name. Raises `InvalidInput` when there are
    none or one cannot be read."""
    return torch.from_numpy(load_images(find_unlabeled(folder), side)).to(device)


@torch.no_grad()
def pseudo_captioned(
    pictures_NHWC: Tensor, original: ImageEncoder, class_vectors_KD: Tensor, size: int, batch: int = 256
) -> CaptionedTensors:
    """One caption each, from ImageNet's own classes: the mean of their names' vectors by the
    probabilities that they get."""
    parts = []
    for rows in torch.split(pictures_NHWC, batch):
        logits_NK = original.project(original.features(resize_images(rows, size)))[1]
        parts.append(functional.normalize(logits_NK.softmax(1) @ class_vectors_KD.to(logits_NK), dim=1))
    return CaptionedTensors(pictures_NHWC, torch.cat(parts)[:, None])
