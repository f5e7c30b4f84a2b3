"""Attention within windows of time as a Triton kernel, forward and backward.

FlashAttention-2 (Dao 2023, arXiv:2307.08691): a program holds a block of queries and iterates over
blocks of keys with an online softmax. Here it iterates only over the keys within the window, which
`Windows` lists, and over the global ones, so that the cost grows with L times the window. Times are
compared only in the blocks at both ends of a window; between them all pairs attend.

Shape: B batch, H heads, L tokens, D width of a head. `windowed_attention_torch` is the reference
implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import triton

from kernels.windowed_attention_triton import backward_keys, backward_queries, forward
from kernels.windows import BLOCK

if TYPE_CHECKING:
    from kernels.windows import Windows

WIDTHS = (16, 32, 64, 128)
LOG2_E = 1.4426950408889634


@dataclass(frozen=True, slots=True)
class Tile:
    """The launch parameters of a kernel."""

    block_m: int
    """Tokens that a program holds, a multiple of `BLOCK`."""
    block_n: int
    """Tokens of a step of its loop."""
    warps: int
    stages: int
    heads_fastest: bool = False
    """Whether the first blocks of all heads are scheduled before the second blocks."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The launch parameters of the three kernels."""

    forward: Tile
    queries: Tile
    keys: Tile


DENSE = Tiles(forward=Tile(128, 64, 4, 4), queries=Tile(128, 64, 4, 3), keys=Tile(64, 64, 4, 3))
"""For heads of up to 64 in half precision, found by `python -m kernels.bench --sweep` on an H100.
"""
LOCAL = Tiles(forward=Tile(64, 32, 4, 2, True), queries=Tile(64, 32, 4, 3, True), keys=Tile(64, 32, 4, 2, True))
"""The same for small windows."""
WIDE = Tiles(forward=Tile(64, 32, 4, 2), queries=Tile(64, 32, 4, 2), keys=Tile(64, 32, 4, 2))
"""For wider heads and float32, which need more shared memory."""


class _WindowedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, windows: Windows, tiles: Tiles) -> torch.Tensor:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        batch, heads, tokens, _ = q.shape
        out = torch.empty_like(q)
        lse = torch.empty((batch, heads, tokens), dtype=torch.float32, device=q.device)
        _launch(forward, tiles.forward, q, windows, q, k, v, out, lse)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.windows, ctx.tiles = windows, tiles
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        d_out = gradients[0].contiguous()
        delta = torch.empty_like(lse)
        d_q, d_k, d_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        _launch(backward_queries, ctx.tiles.queries, q, ctx.windows, q, k, v, out, d_out, d_q, lse, delta)
        _launch(backward_keys, ctx.tiles.keys, q, ctx.windows, q, k, v, d_out, d_k, d_v, lse, delta)
        return d_q, d_k, d_v, None, None


def windowed_attention(
    q_BHLD: torch.Tensor, k_BHLD: torch.Tensor, v_BHLD: torch.Tensor, windows: Windows, tiles: Tiles | None = None
) -> torch.Tensor:
    """Attention (B, H, L, D) of each token over its window and the global tokens; zero for padding.

    Differentiable. `tiles` default to a choice by width and precision. Raises `ValueError` for
    inconsistent shapes and for a D other than 16, 32, 64, 128.
    """
    if not q_BHLD.shape == k_BHLD.shape == v_BHLD.shape or (q_BHLD.shape[0], q_BHLD.shape[2]) != windows.times_BL.shape:
        raise ValueError(f"Shapes {[tuple(x.shape) for x in (q_BHLD, k_BHLD, v_BHLD, windows.times_BL)]} do not fit together.")
    if q_BHLD.shape[-1] not in WIDTHS:
        raise ValueError(f"A head of width {q_BHLD.shape[-1]} is not supported; widths are {WIDTHS}.")
    if tiles is None:
        narrow = q_BHLD.shape[-1] <= 64 and q_BHLD.dtype.itemsize == 2
        tiles = WIDE if not narrow else LOCAL if windows.is_local else DENSE
    result: torch.Tensor = _WindowedAttention.apply(q_BHLD, k_BHLD, v_BHLD, windows, tiles)
    return result


def _launch(kernel: Any, tile: Tile, q: torch.Tensor, windows: Windows, *tensors: torch.Tensor) -> None:
    batch, heads, tokens, width = q.shape
    masks = (windows.times_BL, windows.lengths_B, windows.first_BN, windows.last_BN, windows.full_first_BN, windows.full_last_BN)
    sizes = (windows.seconds, width**-0.5 * LOG2_E, windows.num_global, heads, tokens)
    constants: dict[str, int] = {
        "D": width,
        "BLOCK": BLOCK,
        "BLOCK_M": tile.block_m,
        "BLOCK_N": tile.block_n,
        "HEADS_FASTEST": tile.heads_fastest,
    }
    grid = (triton.cdiv(tokens, tile.block_m), batch * heads)
    grid = grid[::-1] if tile.heads_fastest else grid
    kernel[grid](*tensors, *masks, *sizes, **constants, num_warps=tile.warps, num_stages=tile.stages)
