"""Attention over a paged key-value cache as a Triton kernel.

A program holds the queries of one key-value head for a tile of tokens of one sequence, and reads
keys and values through its block table with an online softmax (FlashAttention-2, Dao 2023,
arXiv:2307.08691; PagedAttention, Kwon et al. 2023, arXiv:2309.06180). A tile of one token decodes;
its context may be divided over several programs, whose results a second kernel combines
(Flash-Decoding, Dao et al. 2023). See `reference.attend`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from kernels.paged_attention.reference import PagedCache

LOG2_E = 1.4426950408889634


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters."""

    keys: int
    """Keys of a step of the loop."""
    warps: int
    stages: int


DECODE, PREFILL = Tile(64, 2, 2), Tile(64, 4, 3)
"""`DECODE` was found by `mm.bench.serving.sweeps` on an H200."""


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    q, k, v, out, lse, tile_seqs, tile_starts, query_starts, context_lens, tables, scale, num_columns, num_tokens,
    H: tl.constexpr, G: tl.constexpr, D: tl.constexpr, D_P2: tl.constexpr, GROUP: tl.constexpr, GROUP_P2: tl.constexpr,
    BLOCK: tl.constexpr, TOKENS: tl.constexpr, ROWS: tl.constexpr, KEYS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    tile, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    sequence = tl.load(tile_seqs + tile).to(tl.int64)
    first = tl.load(tile_starts + tile)
    end = tl.load(query_starts + sequence + 1)
    past = tl.load(context_lens + sequence) - end  # of a token t, the position is past + t
    rows = tl.arange(0, ROWS)
    tokens = first + rows // GROUP_P2
    is_row = (rows % GROUP_P2 < GROUP) & (rows // GROUP_P2 < TOKENS) & (tokens < end)
    lanes = tl.arange(0, D_P2)
    offsets = (tokens * H + head * GROUP + rows % GROUP_P2).to(tl.int64)[:, None] * D + lanes[None, :]
    mask = is_row[:, None] & (lanes < D)[None, :]
    query = tl.load(q + offsets, mask=mask, other=0.0)
    num_keys = past + tl.minimum(first + TOKENS, end)
    share = tl.cdiv(tl.cdiv(num_keys, KEYS), SPLITS) * KEYS
    low, high = split * share, tl.minimum(split * share + share, num_keys)
    row_max = tl.full((ROWS,), -float("inf"), tl.float32)
    row_sum = tl.zeros((ROWS,), tl.float32)
    acc = tl.zeros((ROWS, D_P2), tl.float32)
    for start in range(low, high, KEYS):
        columns = start + tl.arange(0, KEYS)
        is_key = columns < high
        block = tl.load(tables + sequence * num_columns + columns // BLOCK, mask=is_key, other=0).to(tl.int64)
        at = ((block * BLOCK + columns % BLOCK) * G + head)[:, None] * D + lanes[None, :]
        key = tl.load(k + at, mask=is_key[:, None] & (lanes < D)[None, :], other=0.0).to(query.dtype)
        value = tl.load(v + at, mask=is_key[:, None] & (lanes < D)[None, :], other=0.0).to(query.dtype)
        score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        score = tl.where((columns[None, :] <= (past + tokens)[:, None]) & is_key[None, :], score, -float("inf"))
        top = tl.maximum(row_max, tl.max(score, axis=1))
        shift = tl.where(top == -float("inf"), 0.0, top)
        weight = tl.exp2(score - shift[:, None])
        rescale = tl.exp2(row_max - shift)
        row_sum = row_sum * rescale + tl.sum(weight, axis=1)
        acc = tl.dot(weight.to(value.dtype), value, acc * rescale[:, None], input_precision="ieee")
        row_max = top
    divisor = tl.where(row_sum == 0.0, 1.0, row_sum)
    acc = acc / divisor[:, None]
    if SPLITS > 1:
        part = split.to(tl.int64) * num_tokens * H
        tl.store(out + part * D + offsets, acc, mask=mask)
        at = part + tokens * H + head * GROUP + rows % GROUP_P2
        tl.store(lse + at, tl.where(row_sum == 0.0, -float("inf"), row_max + tl.log2(divisor)), mask=is_row)
    else:
        tl.store(out + offsets, acc.to(out.dtype.element_ty), mask=mask)


@triton.jit
def _combine(parts, lse, out, num_rows, D: tl.constexpr, D_P2: tl.constexpr, SPLITS: tl.constexpr, SPLITS_P2: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    splits, lanes = tl.arange(0, SPLITS_P2), tl.arange(0, D_P2)
    logs = tl.load(lse + splits * num_rows + row, mask=splits < SPLITS, other=-float("inf"))
    top = tl.max(logs, axis=0)
    weights = tl.exp2(logs - tl.where(top == -float("inf"), 0.0, top))
    # A part of the weight 0 may be of a tile that no program wrote.
    mask = (weights > 0.0)[:, None] & (lanes < D)[None, :]
    values = tl.load(parts + (splits[:, None] * num_rows + row) * D + lanes[None, :], mask=mask, other=0.0)
    total = tl.sum(weights, axis=0)
    result = tl.sum(values * weights[:, None], axis=0) / tl.where(total == 0.0, 1.0, total)
    tl.store(out + row * D + lanes, result.to(out.dtype.element_ty), mask=lanes < D)


def attend(
    queries_THD: torch.Tensor,
    cache: PagedCache,
    query_starts_S1: torch.Tensor,
    context_lens_S: torch.Tensor,
    block_tables_SN: torch.Tensor,
    tile_seqs_M: torch.Tensor,
    tile_starts_M: torch.Tensor,
    out_THD: torch.Tensor,
    tokens_per_tile: int = 1,
    num_splits: int = 1,
    launch: Tile | None = None,
) -> None:
    """Attention of the tokens of the tiles, written to their rows of `out_THD`.

    Tile m has the tokens `tile_starts_M[m]` and following of sequence `tile_seqs_M[m]`, at most
    `tokens_per_tile` of them. With `num_splits` above 1 every token of `queries_THD` must be in a
    tile. The other arguments are those of `reference.attend`. All tensors must be contiguous.
    """
    num_tokens, num_heads, width = queries_THD.shape
    num_kv_heads = cache.keys_SGD.shape[1]
    launch = launch or (DECODE if tokens_per_tile == 1 else PREFILL)
    group = num_heads // num_kv_heads
    group_p2, width_p2 = triton.next_power_of_2(group), max(16, triton.next_power_of_2(width))
    target, lse = out_THD, out_THD
    if num_splits > 1:
        target = torch.empty((num_splits, num_tokens, num_heads, width), dtype=torch.float32, device=queries_THD.device)
        lse = torch.empty((num_splits, num_tokens, num_heads), dtype=torch.float32, device=queries_THD.device)
    _attend[(len(tile_seqs_M), num_kv_heads, num_splits)](
        queries_THD, cache.keys_SGD, cache.values_SGD, target, lse, tile_seqs_M, tile_starts_M,
        query_starts_S1, context_lens_S, block_tables_SN, width**-0.5 * LOG2_E, block_tables_SN.shape[1], num_tokens,
        H=num_heads, G=num_kv_heads, D=width, D_P2=width_p2, GROUP=group, GROUP_P2=group_p2, BLOCK=cache.block_size,
        TOKENS=tokens_per_tile, ROWS=max(16, tokens_per_tile * group_p2), KEYS=launch.keys, SPLITS=num_splits,
        num_warps=launch.warps, num_stages=launch.stages,
    )  # fmt: skip
    if num_splits > 1:
        _combine[(num_tokens * num_heads,)](
            target, lse, out_THD, num_tokens * num_heads,
            D=width, D_P2=width_p2, SPLITS=num_splits, SPLITS_P2=triton.next_power_of_2(num_splits), num_warps=1,
        )  # fmt: skip


def choose_num_splits(num_sequences: int, num_kv_heads: int, max_context: int, num_processors: int) -> int:
    """Programs for each sequence and head, so that few long sequences use the whole GPU."""
    wanted = -(-2 * num_processors // (num_sequences * num_kv_heads))
    return max(1, min(wanted, -(-max_context // 128), 64))
