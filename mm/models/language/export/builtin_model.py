"""The built-in model as it is served: rounded base weights, merged with trained ones."""

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
class BuiltinModel:
    """A model with the file of its base, which has the tokenizer."""

    config: LanguageConfig
    weights: Weights
    base: GGUFFile


def load_builtin_model(gguf: Path, additions: Path | None) -> BuiltinModel:
    """The base model of `gguf`, with the trained weights of `additions` if there are any.

    Raises `Corrupt` for files that cannot be read or do not belong together.
    """
    trained = None if additions is None else load_additions(additions)
    if trained is not None:
        trained.require_base(gguf)
    base = read_gguf(gguf)
    config = read_config(base)
    weights = read_base_weights(base, config)
    return BuiltinModel(config, weights, base) if trained is None else BuiltinModel(trained.config, trained.merge(weights), base)
