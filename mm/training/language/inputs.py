"""What a training reads besides its data: the base model and the image tower."""

from __future__ import annotations

from pathlib import Path

import torch

from mm.files import hash_file
from mm.models.image.efficientnet_lite_torch import load_encoder
from mm.models.image.tower import read_size
from mm.models.language.base_weights import read_base_weights
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.training.language.data_sets.prepare import Sources
from mm.training.language.model import Base


def read_base() -> Base:
    """SmolLM2 as it is served. Raises `Unavailable` when its package is not installed."""
    path: Path = find_smollm2()
    file = read_gguf(path)
    weights = read_base_weights(file, read_config(file))
    return Base(weights, LanguageTokenizer(read_vocabulary(file)), hash_file(path))


def read_sources(base: Base, weights: Path, device: torch.device, num_processes: int) -> Sources:
    """The image tower of these weights. Raises `Corrupt` for another file."""
    return Sources(base.tokenizer, load_encoder(weights), read_size(weights), device, num_processes)
