"""Reference implementation of attention over a paged key-value cache, in torch.

Shape: T new tokens of S sequences, one sequence after another; H query heads, G key-value heads, D
width of a head; N blocks in a row of the block tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PagedCache:
    """Keys and values of one layer. Slot `block * block_size + offset` holds one token position."""

    keys_SGD: torch.Tensor
    values_SGD: torch.Tensor
    block_size: int


def attend(
    queries_THD: torch.Tensor,
    cache: PagedCache,
    query_starts_S1: torch.Tensor,
    context_lens_S: torch.Tensor,
    block_tables_SN: torch.Tensor,
) -> torch.Tensor:
    """Causal grouped-query attention (T, H, D) of each new token to its sequence up to itself.

    Sequence s has the new tokens `query_starts_S1[s]` to `query_starts_S1[s + 1]`, the last of its
    `context_lens_S[s]` tokens, whose keys and values are in the cache.
    """
    out = torch.empty_like(queries_THD)
    for s, length in enumerate(context_lens_S.tolist()):
        first, last = int(query_starts_S1[s]), int(query_starts_S1[s + 1])
        if first == last:
            continue
        places = torch.arange(length, device=queries_THD.device)
        slots = block_tables_SN[s].long()[places // cache.block_size] * cache.block_size + places % cache.block_size
        keys, values = cache.keys_SGD[slots].transpose(0, 1), cache.values_SGD[slots].transpose(0, 1)
        mask = places <= places[length - (last - first) :, None]
        queries = queries_THD[first:last].transpose(0, 1)
        attended = functional.scaled_dot_product_attention(
            queries[None], keys[None].to(queries.dtype), values[None].to(queries.dtype), attn_mask=mask, enable_gqa=True
        )
        out[first:last] = attended[0].transpose(0, 1)
    return out


def list_tiles(query_starts_S1: Int32, sequences: Int32, tokens_per_tile: int) -> tuple[Int32, Int32]:
    """The tiles of these sequences: the sequence, and the first token, of each."""
    starts, lengths = query_starts_S1[sequences], query_starts_S1[sequences + 1] - query_starts_S1[sequences]
    counts = -(-lengths // tokens_per_tile)
    tile_seqs = np.repeat(sequences, counts)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return tile_seqs.astype(np.int32), (np.repeat(starts, counts) + places * tokens_per_tile).astype(np.int32)
