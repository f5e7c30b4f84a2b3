"""Attention over pages compared with its reference in torch, on random block tables."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.paged_attention.attention import Tile, attend, choose_num_splits
from kernels.paged_attention.reference import PagedCache, list_tiles
from kernels.paged_attention.reference import attend as attend_reference
from tests.kernels.interpreted import DEVICE

lengths = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=3)
"""Tokens in the cache before, and new tokens, of each sequence."""


def draw_step(
    seed: int, lengths: list[tuple[int, int]], heads: tuple[int, int, int], block_size: int
) -> tuple[torch.Tensor, PagedCache, list[torch.Tensor]]:
    """Queries, a cache with other content in the unused slots, and the three arrays of a step."""
    num_heads, num_kv_heads, width = heads
    random = np.random.default_rng(seed)
    contexts = np.array([past + new for past, new in lengths], np.int32)
    starts = np.concatenate([[0], np.cumsum([new for _, new in lengths])]).astype(np.int32)
    counts = -(-contexts // block_size)
    blocks = random.permutation(int(counts.sum()) + 2).astype(np.int32)
    tables = np.full((len(lengths), counts.max()), -1, np.int32)
    for s, count in enumerate(counts):
        tables[s, :count], blocks = blocks[:count], blocks[count:]
    draw = torch.Generator().manual_seed(seed)
    shape = ((int(counts.sum()) + 2) * block_size, num_kv_heads, width)
    cache = PagedCache(*(torch.randn(shape, generator=draw).to(DEVICE) for _ in range(2)), block_size)
    queries = torch.randn((int(starts[-1]), num_heads, width), generator=draw).to(DEVICE)
    return queries, cache, [torch.from_numpy(array).to(DEVICE) for array in (starts, contexts, tables)]


def run_kernel(
    queries: torch.Tensor, cache: PagedCache, step: list[torch.Tensor], tokens_per_tile: int, num_splits: int
) -> torch.Tensor:
    starts = step[0].cpu().numpy()
    tiles = [
        torch.from_numpy(x).to(DEVICE) for x in list_tiles(starts, np.arange(len(starts) - 1, dtype=np.int32), tokens_per_tile)
    ]
    out = torch.full_like(queries, torch.nan)
    attend(queries, cache, *step, *tiles, out, tokens_per_tile, num_splits, Tile(16, 4, 2))
    return out


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**31),
    lengths=lengths,
    heads=st.sampled_from([(1, 1, 8), (6, 2, 16), (9, 3, 20)]),
    block_size=st.sampled_from([1, 4, 16]),
    tokens_per_tile=st.sampled_from([1, 4, 16]),
    num_splits=st.sampled_from([1, 3]),
)
def test_paged_attention_equals_the_reference(
    seed: int,
    lengths: list[tuple[int, int]],
    heads: tuple[int, int, int],
    block_size: int,
    tokens_per_tile: int,
    num_splits: int,
) -> None:
    queries, cache, step = draw_step(seed, lengths, heads, block_size)
    computed = run_kernel(queries, cache, step, tokens_per_tile, num_splits)
    torch.testing.assert_close(computed, attend_reference(queries, cache, *step), rtol=1e-4, atol=1e-5)


def test_paged_attention_rows_of_padding_are_zero() -> None:
    queries, cache, (starts, contexts, tables) = draw_step(3, [(5, 1), (9, 1)], (6, 2, 16), 4)
    contexts[1] = 0
    for num_splits in (1, 2):
        out = run_kernel(queries, cache, [starts, contexts, tables], 1, num_splits)
        assert out[0].any()
        assert not out[1].any()


def test_list_tiles_covers_each_token_of_the_sequences_once() -> None:
    starts = np.array([0, 1, 38, 40], np.int32)
    sequences, firsts = list_tiles(starts, np.array([1, 2], np.int32), 16)
    assert sequences.tolist() == [1, 1, 1, 2]
    assert firsts.tolist() == [1, 17, 33, 38]


def test_choose_num_splits_uses_the_gpu_for_few_sequences_and_one_program_for_many() -> None:
    assert choose_num_splits(1, 3, 8192, 132) == 64
    assert choose_num_splits(1, 3, 200, 132) == 2
    assert choose_num_splits(1000, 3, 8192, 132) == 1
