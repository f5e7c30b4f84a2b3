"""The built-in model as it is served, in float32: rounded base weights and trained ones, merged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mm.models.language.base_weights import read_base_weights
from mm.models.language.checkpoint.file import load_additions
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import GGUFFile, read_gguf
from mm.models.language.smollm2 import read_config
from mm.models.language.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class MergedModel:
    """Configuration and weights, and the file of the base model, which has the tokenizer."""

    config: LanguageConfig
    weights: Weights
    base: GGUFFile


def load_merged_model(gguf: Path, additions: Path | None) -> MergedModel:
    """The base model of `gguf`, with the trained weights of `additions` if there are any.

    Raises `Corrupt` for files that cannot be read or do not belong together.
    """
    trained = None if additions is None else load_additions(additions)
    if trained is not None:
        trained.require_base(gguf)
    base = read_gguf(gguf)
    config = read_config(base)
    weights = read_base_weights(base, config)
    return MergedModel(config, weights, base) if trained is None else MergedModel(trained.config, trained.merge(weights), base)
