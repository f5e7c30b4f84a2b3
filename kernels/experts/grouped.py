"""Routed experts of many tokens in Triton: pairs of token and expert, sorted by expert, in tiles.

A tile has pairs of one expert, whose weights it reads once, as in MegaBlocks (Gale et al. 2022,
arXiv:2211.15841). The sort runs on the device, without a copy to the host. See
`reference.apply_experts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl


@dataclass(frozen=True, slots=True)
class Tile:
    """Launch parameters of both kernels."""

    pairs: int = 64
    rows: int = 64
    """Rows of the matrix of an expert that a program computes."""
    columns: int = 64
    """Columns that it reads in a step of its loop."""
    warps: int = 4
    stages: int = 3


@dataclass(frozen=True, slots=True)
class Groups:
    """Pairs of token and selected expert, sorted by expert and divided into tiles."""

    order_P: torch.Tensor
    """Pair `token * K + place` at each place of the sorted list."""
    tile_experts_M: torch.Tensor
    """The expert of each tile; E for an unused tile."""
    tile_starts_M: torch.Tensor
    """The first sorted place of each tile."""
    ends_E: torch.Tensor
    """The end of each expert in the sorted list."""


def group_pairs(indices_TK: torch.Tensor, num_experts: int, tile_size: int) -> Groups:
    """Sort by expert. Null experts come last, in no tile."""
    flat = indices_TK.flatten().long()
    order = flat.argsort(stable=True)
    counts = torch.zeros(num_experts + 1, dtype=torch.long, device=flat.device)
    counts.scatter_add_(0, flat.clamp(max=num_experts), torch.ones_like(flat))
    counts = counts[:num_experts]
    ends = counts.cumsum(0)
    num_tiles = (counts + tile_size - 1) // tile_size
    tile_ends = num_tiles.cumsum(0)
    tiles = torch.arange(triton.cdiv(len(flat), tile_size) + num_experts, device=flat.device)
    experts = torch.searchsorted(tile_ends, tiles, right=True)
    known = experts.clamp(max=num_experts - 1)
    starts = (ends - counts)[known] + (tiles - (tile_ends - num_tiles)[known]) * tile_size
    return Groups(order.int(), experts.int(), starts.int(), ends.int())


@triton.jit
def _gate_up(  # type: ignore[no-untyped-def]
    x, gate_up, order, tile_experts, tile_starts, ends, hidden, E,
    K: tl.constexpr, W: tl.constexpr, INNER: tl.constexpr, PAIRS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(1)
    expert = tl.load(tile_experts + tile).to(tl.int64)
    if expert >= E:
        return
    places = tl.load(tile_starts + tile) + tl.arange(0, PAIRS)
    is_pair = places < tl.load(ends + expert)
    tokens = tl.load(order + places, mask=is_pair, other=0).to(tl.int64) // K
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    gates = gate_up + (expert * 2 * INNER + rows[None, :]) * W
    gate, up = tl.zeros((PAIRS, ROWS), tl.float32), tl.zeros((PAIRS, ROWS), tl.float32)
    for start in range(0, W, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        value = tl.load(x + tokens[:, None] * W + columns[None, :], mask=is_pair[:, None] & (columns < W)[None, :], other=0.0)
        mask = (columns < W)[:, None] & (rows < INNER)[None, :]
        gate = tl.dot(value, tl.load(gates + columns[:, None], mask=mask, other=0.0), gate, input_precision="ieee")
        up = tl.dot(value, tl.load(gates + INNER * W + columns[:, None], mask=mask, other=0.0), up, input_precision="ieee")
    result = gate / (1.0 + tl.exp(-gate)) * up
    target = hidden + places.to(tl.int64)[:, None] * INNER + rows[None, :]
    tl.store(target, result.to(hidden.dtype.element_ty), mask=is_pair[:, None] & (rows < INNER)[None, :])


@triton.jit
def _down(  # type: ignore[no-untyped-def]
    hidden, down, order, tile_experts, tile_starts, ends, weights, out, E,
    W: tl.constexpr, INNER: tl.constexpr, PAIRS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(1)
    expert = tl.load(tile_experts + tile).to(tl.int64)
    if expert >= E:
        return
    places = tl.load(tile_starts + tile) + tl.arange(0, PAIRS)
    is_pair = places < tl.load(ends + expert)
    pairs = tl.load(order + places, mask=is_pair, other=0).to(tl.int64)
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    acc = tl.zeros((PAIRS, ROWS), tl.float32)
    for start in range(0, INNER, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        source = hidden + places.to(tl.int64)[:, None] * INNER + columns[None, :]
        value = tl.load(source, mask=is_pair[:, None] & (columns < INNER)[None, :], other=0.0)
        source = down + (expert * W + rows[None, :]) * INNER + columns[:, None]
        weight = tl.load(source, mask=(columns < INNER)[:, None] & (rows < W)[None, :], other=0.0)
        acc = tl.dot(value, weight, acc, input_precision="ieee")
    acc *= tl.load(weights + pairs, mask=is_pair, other=0.0)[:, None]
    tl.store(out + pairs[:, None] * W + rows[None, :], acc, mask=is_pair[:, None] & (rows < W)[None, :])


def apply_experts(
    x_TW: torch.Tensor,
    indices_TK: torch.Tensor,
    weights_TK: torch.Tensor,
    gate_up_EIW: torch.Tensor,
    down_EWI: torch.Tensor,
    tile: Tile | None = None,
) -> torch.Tensor:
    """See `reference.apply_experts`. All tensors must be contiguous. The sum is deterministic."""
    num_experts, width, inner = down_EWI.shape
    num_tokens, num_selected = indices_TK.shape
    tile = tile or Tile()
    groups = group_pairs(indices_TK, num_experts, tile.pairs)
    hidden = torch.empty((num_tokens * num_selected, inner), dtype=x_TW.dtype, device=x_TW.device)
    out = torch.zeros((num_tokens, num_selected, width), dtype=torch.float32, device=x_TW.device)
    sorted_pairs = groups.order_P, groups.tile_experts_M, groups.tile_starts_M, groups.ends_E
    num_tiles = len(groups.tile_experts_M)
    launch = {"PAIRS": tile.pairs, "num_warps": tile.warps, "num_stages": tile.stages}
    rows, columns = _fit(tile.rows, inner), _fit(tile.columns, width)
    _gate_up[(triton.cdiv(inner, rows), num_tiles)](
        x_TW, gate_up_EIW, *sorted_pairs, hidden, num_experts,
        K=num_selected, W=width, INNER=inner, ROWS=rows, COLUMNS=columns, **launch,
    )  # fmt: skip
    rows, columns = _fit(tile.rows, width), _fit(tile.columns, inner)
    _down[(triton.cdiv(width, rows), num_tiles)](
        hidden, down_EWI, *sorted_pairs, weights_TK, out, num_experts,
        W=width, INNER=inner, ROWS=rows, COLUMNS=columns, **launch,
    )  # fmt: skip
    return out.sum(1)


def _fit(block: int, size: int) -> int:
    """A block for this size: a power of two, at least the 16 of a matrix instruction."""
    return max(16, min(block, triton.next_power_of_2(size)))
