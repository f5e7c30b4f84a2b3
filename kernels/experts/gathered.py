"""Routed experts of few tokens in Triton: a program computes rows of one selected expert.

The cost is that of reading the selected experts; null experts are skipped. Two launches: gate, up
and SiLU; then down and the sum over the experts. See `reference.apply_experts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from kernels.experts.tiles import Tile


@dataclass(frozen=True, slots=True)
class Tiles:
    """Launch parameters of both kernels."""

    gate_up: Tile
    down: Tile


DEFAULT = Tiles(Tile(8, 256, 4), Tile(2, 512, 4))
"""Found by `mm.bench.serving.sweeps` on an H200."""


@triton.jit
def _gate_up(  # type: ignore[no-untyped-def]
    x, gate_up, indices, weights, hidden, E,
    K: tl.constexpr, W: tl.constexpr, INNER: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    pair = tl.program_id(1).to(tl.int64)
    expert = tl.load(indices + pair).to(tl.int64)
    if expert >= E:
        return
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    gates = gate_up + expert * 2 * INNER * W + rows[:, None] * W
    gate_sum, up_sum = tl.zeros((ROWS, COLUMNS), tl.float32), tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in tl.static_range(0, W, COLUMNS):  # unrolled, so that many loads are in flight
        columns = start + tl.arange(0, COLUMNS)
        mask = (rows < INNER)[:, None] & (columns < W)[None, :]
        gate = tl.load(gates + columns[None, :], mask=mask, other=0.0)
        up = tl.load(gates + INNER * W + columns[None, :], mask=mask, other=0.0)
        value = tl.load(x + pair // K * W + columns, mask=columns < W, other=0.0).to(tl.float32)
        gate_sum += gate.to(tl.float32) * value[None, :]
        up_sum += up.to(tl.float32) * value[None, :]
    gate, up = tl.sum(gate_sum, axis=1), tl.sum(up_sum, axis=1)
    result = gate / (1.0 + tl.exp(-gate)) * up * tl.load(weights + pair)
    tl.store(hidden + pair * INNER + rows, result.to(hidden.dtype.element_ty), mask=rows < INNER)


@triton.jit
def _down(  # type: ignore[no-untyped-def]
    hidden, down, indices, base, out, E,
    K: tl.constexpr, W: tl.constexpr, INNER: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, ADD: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    acc = tl.zeros((ROWS, COLUMNS), tl.float32)
    for place in tl.static_range(K):
        expert = tl.load(indices + token * K + place).to(tl.int64)
        is_real = expert < E
        for start in tl.static_range(0, INNER, COLUMNS):
            columns = start + tl.arange(0, COLUMNS)
            is_read = (columns < INNER) & is_real
            source = down + (expert * W + rows[:, None]) * INNER + columns[None, :]
            weight = tl.load(source, mask=(rows < W)[:, None] & is_read[None, :], other=0.0)
            value = tl.load(hidden + (token * K + place) * INNER + columns, mask=is_read, other=0.0).to(tl.float32)
            acc += weight.to(tl.float32) * value[None, :]
    result = tl.sum(acc, axis=1)
    if ADD:
        result += tl.load(base + token * W + rows, mask=rows < W, other=0.0).to(tl.float32)
    tl.store(out + token * W + rows, result, mask=rows < W)


def apply_experts(
    x_TW: torch.Tensor,
    indices_TK: torch.Tensor,
    weights_TK: torch.Tensor,
    gate_up_EIW: torch.Tensor,
    down_EWI: torch.Tensor,
    base_TW: torch.Tensor | None = None,
    tiles: Tiles | None = None,
) -> torch.Tensor:
    """See `reference.apply_experts`. `base_TW`, of any type, is added to the result.

    All tensors must be contiguous.
    """
    num_experts, width, inner = down_EWI.shape
    num_tokens, num_selected = indices_TK.shape
    tiles = tiles or DEFAULT
    hidden = torch.empty((num_tokens * num_selected, inner), dtype=x_TW.dtype, device=x_TW.device)
    out = torch.empty(x_TW.shape, dtype=torch.float32, device=x_TW.device)
    sizes = {"K": num_selected, "W": width, "INNER": inner}
    tile = tiles.gate_up
    rows, columns = _fit(tile, inner, width)
    _gate_up[(triton.cdiv(inner, rows), num_tokens * num_selected)](
        x_TW, gate_up_EIW, indices_TK, weights_TK, hidden, num_experts,
        **sizes, ROWS=rows, COLUMNS=columns, num_warps=tile.warps,
    )  # fmt: skip
    tile = tiles.down
    rows, columns = _fit(tile, width, inner)
    _down[(triton.cdiv(width, rows), num_tokens)](
        hidden, down_EWI, indices_TK, out if base_TW is None else base_TW, out, num_experts,
        **sizes, ROWS=rows, COLUMNS=columns, ADD=base_TW is not None, num_warps=tile.warps,
    )  # fmt: skip
    return out


def _fit(tile: Tile, num_rows: int, num_columns: int) -> tuple[int, int]:
    """Rows and columns of a program for a matrix: a narrow one gets more rows instead."""
    columns = min(tile.columns, triton.next_power_of_2(num_columns))
    return min(tile.rows * (tile.columns // columns), triton.next_power_of_2(num_rows)), columns
