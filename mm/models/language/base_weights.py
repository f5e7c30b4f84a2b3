"""The weights of SmolLM2 as every implementation of the language model uses them.

Matrices of the layers are rounded to 4 bits with block offsets (`quantization.offsets`), embeddings
to 8 bits, so that training, torch, NumPy and the quantized graph compute with the same numbers. For
the file of the package, embeddings are exact and matrices differ by 0.5 % (relative root mean
square).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import GGUFFile
from mm.models.language.quantization.blocks import Float, quantize_blocks
from mm.models.language.quantization.offsets import quantize_with_offsets
from mm.models.language.smollm2 import read_weights
from mm.models.language.weights import EMBEDDING, Weights

EMBEDDING_BITS: Final = 8


def read_base_weights(file: GGUFFile, config: LanguageConfig) -> dict[str, Float]:
    """The rounded weights of a GGUF file, in float32. Raises what `smollm2.read_weights` raises."""
    return round_weights(read_weights(file, config))


def round_weights(weights: Weights) -> dict[str, Float]:
    """Weights, in float32, with rounded matrices; norms, routers and experts stay as they are.

    The layers of a model with experts are rounded like those of the same model without. Raises
    `InvalidInput` for matrices whose rows are no whole blocks.
    """
    return {name: _round(name, np.asarray(weight, np.float32)) for name, weight in weights.items()}


def is_offset_quantized(name: str) -> bool:
    """Whether a weight is a matrix of the attention or of a dense network or shared expert."""
    return name.endswith("_proj.weight")


def _round(name: str, weight: Float) -> Float:
    if name == EMBEDDING:
        return quantize_blocks(weight, EMBEDDING_BITS).dequantize()
    return quantize_with_offsets(weight).dequantize() if is_offset_quantized(name) else weight
