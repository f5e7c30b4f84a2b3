"""Files of additions with random weights: of tiny models, and of SmolLM2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mm.models.language.checkpoint.file import write_additions
from mm.models.language.checkpoint.low_rank import LowRankUpdate, list_update_shapes
from mm.models.language.checkpoint.weight_precisions import is_added
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.media_prefix.config import MediaPrefixConfig
from mm.models.language.smollm2 import find_smollm2, read_weights
from mm.models.language.weights import list_weight_shapes
from tests.models.language.media_prefix.prefixes import random_prefix_weights
from tests.models.language.models import MOE, random_weights

PREFIX = MediaPrefixConfig(
    hidden_size=32, map_channels=32, vector_size=32, map_hidden_size=64, vector_hidden_size=32, time_hidden_size=8
)
"""Of the model `MOE`, whose matrices are whole blocks."""
SMOLLM2_MOE = LanguageConfig(
    num_experts=128, num_null_experts=2, num_experts_per_tok=3, moe_intermediate_size=8, first_k_dense_replace=28
)
"""SmolLM2 with experts in the last two layers."""


def write_random_additions(
    path: Path,
    config: LanguageConfig = MOE,
    prefix: MediaPrefixConfig = PREFIX,
    seed: int = 0,
    base_sha256: str = "0" * 64,
    rank: int = 0,
) -> Path:
    """A file with random weights; for `SMOLLM2_MOE` with the norms of SmolLM2."""
    weights = random_weights(config, seed) if config == MOE else _draw_additions(config, seed)
    write_additions(
        path,
        config,
        weights,
        prefix,
        random_prefix_weights(prefix, seed),
        base_sha256=base_sha256,
        training={"steps": 3},
        updates=random_updates(config, rank, seed),
    )
    return path


def random_updates(config: LanguageConfig, rank: int, seed: int = 0) -> dict[str, LowRankUpdate]:
    """Updates of all matrices of the attention."""
    random = np.random.default_rng(seed)
    return {
        name: LowRankUpdate(*(random.standard_normal(shape, np.float32) * np.float32(0.1) for shape in shapes))
        for name, shapes in list_update_shapes(config, rank).items()
    }


def get_dense_base(config: LanguageConfig) -> LanguageConfig:
    """The same model without experts."""
    return replace(
        config, num_experts=0, num_null_experts=0, num_experts_per_tok=0, moe_intermediate_size=0, first_k_dense_replace=0
    )


def _draw_additions(config: LanguageConfig, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    norms = read_weights(read_gguf(find_smollm2()), get_dense_base(config))
    return {
        name: norms.get(name, random.standard_normal(shape, np.float32) * np.float32(0.02))
        for name, shape in list_weight_shapes(config).items()
        if is_added(name)
    }
