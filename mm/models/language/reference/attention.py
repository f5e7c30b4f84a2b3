"""Causal grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245) with a cache.

Names of arrays end in their axes: L new tokens, K tokens of the cache and new ones, H query heads,
G key-value heads, D head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.config import LanguageConfig

Float = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class KVCache:
    """Keys and values of the tokens so far, in all layers. Positions from `length` are unused."""

    keys: Float
    """(layers, key-value heads, capacity, head); rotated."""
    values: Float
    """Like `keys`."""
    length: int = 0

    @classmethod
    def allocate(cls, config: LanguageConfig, capacity: int) -> KVCache:
        """An empty cache of `capacity` tokens."""
        shape = (config.num_hidden_layers, config.num_key_value_heads, capacity, config.head_dim)
        return cls(np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def require_space(self, count: int) -> None:
        """Raise `InvalidInput` unless `count` more tokens fit."""
        capacity = self.keys.shape[2]
        if self.length + count > capacity:
            raise InvalidInput(f"A sequence of {self.length + count} tokens is longer than the cache of {capacity}.")

    def store(self, layer: int, keys_GLD: Float, values_GLD: Float) -> tuple[Float, Float]:
        """Write new tokens after `length`. Returns keys and values (G, K, D) with the earlier ones.

        `length` is increased by the caller, after the last layer.
        """
        end = self.length + keys_GLD.shape[1]
        self.keys[layer, :, self.length : end] = keys_GLD
        self.values[layer, :, self.length : end] = values_GLD
        return self.keys[layer, :, :end], self.values[layer, :, :end]


def attend(queries_HLD: Float, keys_GKD: Float, values_GKD: Float) -> Float:
    """Softmax attention (H, L, D) of the last L of K tokens to those up to themselves.

    Consecutive groups of H / G query heads share one key-value head.
    """
    num_queries, num_keys = queries_HLD.shape[1], keys_GKD.shape[1]
    group = len(queries_HLD) // len(keys_GKD)
    keys_HKD, values_HKD = np.repeat(keys_GKD, group, axis=0), np.repeat(values_GKD, group, axis=0)
    scores = queries_HLD @ keys_HKD.transpose(0, 2, 1) * np.float32(queries_HLD.shape[-1] ** -0.5)
    is_future = np.arange(num_keys) > np.arange(num_keys - num_queries, num_keys)[:, None]
    scores[:, is_future] = -np.inf
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    attended: Float = shares @ values_HKD
    return attended
