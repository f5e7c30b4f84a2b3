"""A small model whose sizes are whole blocks, and its weights as a format represents them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mm.models.language.base_weights import is_offset_quantized, round_weights
from mm.models.language.config import LanguageConfig
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.quantization.blocks import quantize_blocks
from mm.models.language.quantization.experts import round_experts
from mm.models.language.weights import EMBEDDING
from mm.runtimes.cpu_features import has_dot_products, read_cpu_flags

NEEDS_DOT_PRODUCTS = pytest.mark.skipif(
    not has_dot_products(read_cpu_flags()), reason="the sums of products by row saturate on this processor"
)

Weights = dict[str, np.ndarray]

MOE = LanguageConfig(
    vocab_size=70,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=96,
    rope_theta=1000.0,
    max_position_embeddings=32,
    num_experts=6,
    num_null_experts=2,
    num_experts_per_tok=3,
    moe_intermediate_size=24,
    first_k_dense_replace=1,
)
DENSE = replace(MOE, num_experts=0, num_null_experts=0)


def round_to(weights: Weights, weight_format: WeightFormat) -> Weights:
    """The weights after quantization."""
    precision = weight_format.precision
    if precision == "fp32":
        return weights
    if precision == "fp16":
        is_matrix = {name: value.ndim > 1 and not name.endswith("gate.weight") for name, value in weights.items()}
        return {
            name: value.astype(np.float16).astype(np.float32) if is_matrix[name] else value for name, value in weights.items()
        }
    if precision == "int4":
        rounded = round_weights(weights)
    else:
        rounded = {
            name: quantize_blocks(value, 8).dequantize() if is_offset_quantized(name) or name == EMBEDDING else value
            for name, value in weights.items()
        }
    for name in [name for name in weights if name.endswith("experts.gate_up_proj")]:
        down = name.replace("gate_up", "down")
        rounded[name], rounded[down] = round_experts(weights[name], weights[down], 4 if precision == "int4" else 8)
    return rounded
