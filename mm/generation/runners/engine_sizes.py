"""The sizes of an engine whose cache has a given number of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.generation.engine import EngineConfig

if TYPE_CHECKING:
    from mm.models.language.config import LanguageConfig

BLOCK_SIZE = 16


def fit_engine(
    config: LanguageConfig, cache_bytes: int, number_bytes: int, max_num_seqs: int, max_num_batched_tokens: int
) -> EngineConfig:
    """The largest engine whose keys and values, of `number_bytes` each, take `cache_bytes`.

    Raises `InvalidInput` when no block fits.
    """
    token_bytes = number_bytes * config.num_hidden_layers * 2 * config.num_key_value_heads * config.head_dim
    num_blocks = cache_bytes // (token_bytes * BLOCK_SIZE)
    if num_blocks < 1:
        raise InvalidInput(f"A cache of {cache_bytes} bytes (MM_LANGUAGE_CACHE_MB) holds no block of {BLOCK_SIZE} tokens.")
    return EngineConfig(
        num_blocks=num_blocks,
        block_size=BLOCK_SIZE,
        max_model_len=config.max_position_embeddings,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        expert_bias_shape=(config.num_moe_layers, config.num_routed),
    )
