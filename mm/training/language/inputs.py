"""What a training reads besides its data: the base model and the image tower."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from mm.files import hash_file
from mm.models.language.base_weights import read_base_weights
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.training.language.data_sets.prepare import Sources
from mm.training.language.data_sets.towers import FoldTowers, Towers, read_tower
from mm.training.language.model import Base


def read_base() -> Base:
    """SmolLM2 as it is served. Raises `Unavailable` when its package is not installed."""
    path: Path = find_smollm2()
    file = read_gguf(path)
    weights = read_base_weights(file, read_config(file))
    return Base(weights, LanguageTokenizer(read_vocabulary(file)), hash_file(path))


def read_sources(
    base: Base,
    weights: Path,
    device: torch.device,
    num_processes: int,
    folds: FoldTowers | None = None,
    others: Mapping[str, Path] | None = None,
) -> Sources:
    """The image tower of these weights, and others. Raises `Corrupt` for another file."""
    towers = Towers(read_tower(weights), folds, {name: read_tower(path) for name, path in (others or {}).items()})
    return Sources(base.tokenizer, towers, device, num_processes)
