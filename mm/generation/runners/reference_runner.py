"""The NumPy network over a paged cache: the specification of the faster runners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward

if TYPE_CHECKING:
    from mm.generation.runner import Int32, StepBatch
    from mm.models.language.config import LanguageConfig
    from mm.models.language.weights import Weights
    from mm.numerics import Float32


class ReferenceRunner:
    """Implements `mm.generation.runner.Runner`, one sequence after another.

    Keys and values of slot `block * block_size + offset` are rows of one array, from which those
    of a sequence are gathered for each step.
    """

    def __init__(self, config: LanguageConfig, weights: Weights, num_blocks: int, block_size: int) -> None:
        self._config, self._weights, self._block_size = config, weights, block_size
        shape = (config.num_hidden_layers, config.num_key_value_heads, num_blocks * block_size, config.head_dim)
        self._keys, self._values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def run(self, batch: StepBatch) -> Float32:
        """Logits (L, vocabulary) of the tokens `batch.logits_rows_L`."""
        embeddings_TW = embed_tokens(self._config, self._weights, batch.token_ids_T.tolist())
        if batch.media_embeddings_MD is not None:
            embeddings_TW[batch.media_rows_M] = batch.media_embeddings_MD
        hidden_TW = np.empty_like(embeddings_TW)
        for s, context_len in enumerate(batch.context_lens_S.tolist()):
            first, last = batch.query_starts_S1[s : s + 2].tolist()
            hidden_TW[first:last] = self._run_sequence(
                embeddings_TW[first:last],
                context_len,
                batch.block_tables_SN[s],
                batch.slots_T[first:last],
                None if batch.expert_bias_SEA is None else batch.expert_bias_SEA[s],
            )
        return compute_logits(self._weights, hidden_TW[batch.logits_rows_L])

    def _run_sequence(
        self, embeddings_LW: Float32, context_len: int, block_table_N: Int32, slots_L: Int32, expert_bias_EA: Float32 | None
    ) -> Float32:
        past = context_len - len(embeddings_LW)
        cache = KVCache.allocate(self._config, context_len)
        positions = np.arange(past)
        slots = block_table_N[positions // self._block_size] * self._block_size + positions % self._block_size
        cache.keys[:, :, :past], cache.values[:, :, :past] = self._keys[:, :, slots], self._values[:, :, slots]
        cache.length = past
        hidden_LW = forward(self._config, self._weights, embeddings_LW, cache, expert_bias_EA).hidden_LW
        self._keys[:, :, slots_L], self._values[:, :, slots_L] = cache.keys[:, :, past:], cache.values[:, :, past:]
        return hidden_LW
