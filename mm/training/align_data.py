"""Captioned pictures as tensors on the device that trains.

Names of tensors end in their axes: N pictures, H height, W width, C channels, T captions a picture, D dimensions of the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mm.training.captioned import load_pictures, read_captioned
from mm.training.sentences import sentence_vectors


@dataclass(frozen=True, slots=True)
class CaptionedTensors:
    """A split in memory, on the device that trains: pictures (N, H, W, 3) uint8 and captions (N, T, D) unit vectors."""

    pictures: Tensor  # NHWC
    captions: Tensor  # NTD


def load_split(folder: Path, split: str, side: int, cache: Path, device: torch.device) -> CaptionedTensors:
    """Read one split. Pictures with fewer captions than the most described one repeat theirs; vectors are kept in `cache`."""
    rows = read_captioned(folder, split)
    count_T = max(len(row.captions) for row in rows)
    sentences = [row.captions[index % len(row.captions)] for row in rows for index in range(count_T)]
    vectors = sentence_vectors(sentences, cache / f"{split}.npz")
    captions_NTD = torch.from_numpy(vectors).view(len(rows), count_T, -1)
    return CaptionedTensors(torch.from_numpy(load_pictures(rows, side)).to(device), captions_NTD.to(device))
