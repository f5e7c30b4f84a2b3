"""Small language models with random weights."""

from __future__ import annotations

import numpy as np

from mm.models.language.config import LanguageConfig
from mm.models.language.weights import list_weight_shapes

DENSE = LanguageConfig(
    hidden_size=48,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    intermediate_size=64,
    vocab_size=97,
    max_position_embeddings=128,
    rope_theta=1000.0,
)
MOE = LanguageConfig(
    hidden_size=32,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=32,
    vocab_size=61,
    max_position_embeddings=128,
    num_experts=10,
    num_null_experts=3,
    num_experts_per_tok=3,
    moe_intermediate_size=8,
    first_k_dense_replace=1,
)


def random_weights(config: LanguageConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights that make every part of the network matter: norms differ from 1, biases from 0."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in list_weight_shapes(config).items():
        values = random.standard_normal(shape, np.float32)
        if name.endswith("norm.weight"):
            weights[name] = 1 + np.float32(0.2) * values
        elif name.endswith("bias"):
            weights[name] = np.float32(0.1) * values
        else:
            weights[name] = values * np.float32(1.5 * shape[-1] ** -0.5)
    return weights
