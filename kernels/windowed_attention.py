"""Attention within windows of time, forward and backward, without the score matrix in memory.

FlashAttention-2 (Dao 2023): blocks of queries pass over blocks of keys with a running softmax. Here
a block passes only over the keys that `Windows` says are near enough in time, and over the global
ones, so that cost grows with L times the window. Times are compared only where a window ends;
between its ends all pairs attend.

Shape: B batch, H heads, L tokens, D width of a head. `windowed_attention_torch` is the
specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl

from kernels.windows import BLOCK

if TYPE_CHECKING:
    from kernels.windows import Windows

WIDTHS = (16, 32, 64, 128)
LOG2_E = 1.4426950408889634


@dataclass(frozen=True, slots=True)
class Tile:
    """How a kernel is cut: tokens that a program keeps, a multiple of `BLOCK`, and those that it
    passes over at once."""

    kept: int
    passed: int
    warps: int
    stages: int
    across: bool = False
    """Whether the first blocks of all heads go before the second ones."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The cuts of the three kernels."""

    forward: Tile
    queries: Tile
    keys: Tile


DENSE = Tiles(forward=Tile(128, 64, 4, 4), queries=Tile(128, 64, 4, 3), keys=Tile(64, 64, 4, 3))
"""For heads of up to 64 in half precision, found by `python -m kernels.bench --sweep` on an H100.
"""
LOCAL = Tiles(forward=Tile(64, 32, 4, 2, True), queries=Tile(64, 32, 4, 3, True), keys=Tile(64, 32, 4, 2, True))
"""The same for small windows."""
WIDE = Tiles(forward=Tile(64, 32, 4, 2), queries=Tile(64, 32, 4, 2), keys=Tile(64, 32, 4, 2))
"""For what takes more of the memory on the chip."""


@triton.jit
def _reach(  # type: ignore[no-untyped-def]
    first, last, full_first, full_last, at, blocks, block,
    BLOCK: tl.constexpr, KEPT: tl.constexpr, PASSED: tl.constexpr,
):  # fmt: skip
    """What `KEPT` tokens attend to at all, and the part of it that all of them do; in steps of
    `PASSED` from 0."""
    low = tl.load(first + at + block * (KEPT // BLOCK))
    high, full_low = low * 0, low * 0
    full_high = high + 2147483647
    for part in tl.static_range(KEPT // BLOCK):
        index = block * (KEPT // BLOCK) + part
        high = tl.maximum(high, tl.load(last + at + index, mask=index < blocks, other=0))
        full_low = tl.maximum(full_low, tl.load(full_first + at + index, mask=index < blocks, other=0))
        full_high = tl.minimum(full_high, tl.load(full_last + at + index, mask=index < blocks, other=2147483647))
    low = low // PASSED * PASSED
    high = tl.cdiv(high, PASSED) * PASSED
    full_low = tl.minimum(tl.maximum(tl.cdiv(full_low, PASSED) * PASSED, low), high)
    full_high = tl.minimum(tl.maximum(full_high // PASSED * PASSED, full_low), high)
    return low, high, full_low, full_high


@triton.jit
def _place(ACROSS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Block of tokens, and head of a video. `ACROSS` begins with the first blocks, the longest ones
    where tokens are global."""
    if ACROSS:
        return tl.program_id(1), tl.program_id(0)
    return tl.program_id(0), tl.program_id(1)


@triton.jit
def _ragged(step, ahead, low, full_low, full_high):  # type: ignore[no-untyped-def]
    """Where step `step` begins on the way over the global tokens and both ends of a window."""
    behind = step - ahead + low
    return tl.where(step < ahead, step, tl.where(behind < full_low, behind, behind - full_low + full_high))


@triton.jit
def _pairs(rows, columns, times, row_times, length, seconds, num_global):  # type: ignore[no-untyped-def]
    """Which (row, column) pairs attend to each other."""
    column_times = tl.load(times + columns, mask=columns < length, other=0.0)
    near = tl.abs(row_times[:, None] - column_times[None, :]) <= seconds
    seen = near | (rows < num_global)[:, None] | (columns < num_global)[None, :]
    return seen & (rows < length)[:, None] & (columns < length)[None, :]


@triton.jit
def _block(pointer, index, length, D: tl.constexpr, MASKED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows `index` of an (L, D) matrix, zero behind its end."""
    offsets = index[:, None] * D + tl.arange(0, D)[None, :]
    if MASKED:
        return tl.load(pointer + offsets, mask=(index < length)[:, None], other=0.0)
    return tl.load(pointer + offsets)


@triton.jit
def _line(pointer, index, length, MASKED: tl.constexpr):  # type: ignore[no-untyped-def]
    if MASKED:
        return tl.load(pointer + index, mask=index < length, other=0.0)
    return tl.load(pointer + index)


@triton.jit
def _mix(  # type: ignore[no-untyped-def]
    start, query, k, v, times, rows, row_times, length, seconds, scale, num_global, best, total, mixed,
    D: tl.constexpr, PASSED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    columns = start + tl.arange(0, PASSED)
    key = _block(k, columns, length, D, MASKED)
    value = _block(v, columns, length, D, MASKED)
    score = tl.dot(query, tl.trans(key), input_precision="ieee")
    if MASKED:
        score = tl.where(_pairs(rows, columns, times, row_times, length, seconds, num_global), score, -float("inf"))
    top = tl.maximum(best, tl.max(score, axis=1) * scale)
    anchor = tl.where(top == -float("inf"), 0.0, top) if MASKED else top
    weight = tl.exp2(score * scale - anchor[:, None])
    shrink = tl.exp2(best - anchor)
    total = total * shrink + tl.sum(weight, axis=1)
    mixed = tl.dot(weight.to(value.dtype), value, mixed * shrink[:, None], input_precision="ieee")
    return top, total, mixed


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    q, k, v, out, lse, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, KEPT: tl.constexpr, PASSED: tl.constexpr, ACROSS: tl.constexpr,
):  # fmt: skip
    block, pair = _place(ACROSS)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    k, v, times = k + base, v + base, times + batch * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _reach(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, KEPT, PASSED
    )
    rows = block * KEPT + tl.arange(0, KEPT)
    row_times = tl.load(times + rows, mask=rows < length, other=0.0)
    query = _block(q + base, rows, length, D, True)
    best = tl.full((KEPT,), -float("inf"), tl.float32)
    total = tl.zeros((KEPT,), tl.float32)
    mixed = tl.zeros((KEPT, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, PASSED) * PASSED, low)  # the global keys, unless the window begins with them
    for step in range(0, ahead + high - low - (full_high - full_low), PASSED):
        best, total, mixed = _mix(
            _ragged(step, ahead, low, full_low, full_high), query, k, v, times, rows, row_times, length,
            seconds, scale, num_global, best, total, mixed, D, PASSED, True,
        )  # fmt: skip
    for start in range(full_low, full_high, PASSED):
        best, total, mixed = _mix(
            start, query, k, v, times, rows, row_times, length,
            seconds, scale, num_global, best, total, mixed, D, PASSED, False,
        )  # fmt: skip
    real = rows < length
    divisor = tl.where(total == 0.0, 1.0, total)
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    mixed = tl.where(real[:, None], mixed / divisor[:, None], 0.0)
    tl.store(out + base + offsets, mixed.to(out.dtype.element_ty), mask=(rows < tokens)[:, None])
    tl.store(lse + pair * tokens + rows, tl.where(real & (total != 0.0), best + tl.log2(divisor), 0.0), mask=rows < tokens)


@triton.jit
def _query_gradient(  # type: ignore[no-untyped-def]
    start, query, d_mixed, row_lse, row_delta, k, v, times, rows, row_times, length, seconds, scale, num_global, d_query,
    D: tl.constexpr, PASSED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    columns = start + tl.arange(0, PASSED)
    key = _block(k, columns, length, D, MASKED)
    value = _block(v, columns, length, D, MASKED)
    score = tl.dot(query, tl.trans(key), input_precision="ieee")
    weight = tl.exp2(score * scale - row_lse[:, None])
    if MASKED:
        weight = tl.where(_pairs(rows, columns, times, row_times, length, seconds, num_global), weight, 0.0)
    d_weight = tl.dot(d_mixed, tl.trans(value), input_precision="ieee")
    d_score = weight * (d_weight - row_delta[:, None])
    return tl.dot(d_score.to(key.dtype), key, d_query, input_precision="ieee")


@triton.jit
def _backward_queries(  # type: ignore[no-untyped-def]
    q, k, v, out, d_out, d_q, lse, delta, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, KEPT: tl.constexpr, PASSED: tl.constexpr, ACROSS: tl.constexpr,
):  # fmt: skip
    block, pair = _place(ACROSS)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    k, v, times = k + base, v + base, times + batch * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _reach(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, KEPT, PASSED
    )
    rows = block * KEPT + tl.arange(0, KEPT)
    row_times = tl.load(times + rows, mask=rows < length, other=0.0)
    query, d_mixed = _block(q + base, rows, length, D, True), _block(d_out + base, rows, length, D, True)
    row_lse = _line(lse + pair * tokens, rows, length, True)
    mixed = _block(out + base, rows, length, D, True)
    row_delta = tl.sum(d_mixed.to(tl.float32) * mixed.to(tl.float32), axis=1)
    tl.store(delta + pair * tokens + rows, row_delta, mask=rows < tokens)  # the keys' kernel, which runs next, reads it
    d_query = tl.zeros((KEPT, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, PASSED) * PASSED, low)
    for step in range(0, ahead + high - low - (full_high - full_low), PASSED):
        d_query = _query_gradient(
            _ragged(step, ahead, low, full_low, full_high), query, d_mixed, row_lse, row_delta, k, v, times, rows, row_times,
            length, seconds, scale, num_global, d_query, D, PASSED, True,
        )  # fmt: skip
    for start in range(full_low, full_high, PASSED):
        d_query = _query_gradient(
            start, query, d_mixed, row_lse, row_delta, k, v, times, rows, row_times,
            length, seconds, scale, num_global, d_query, D, PASSED, False,
        )  # fmt: skip
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    d_query = tl.where((rows < length)[:, None], d_query * (scale * 0.6931471805599453), 0.0)  # scores are in powers of 2
    tl.store(d_q + base + offsets, d_query.to(d_q.dtype.element_ty), mask=(rows < tokens)[:, None])


@triton.jit
def _key_gradient(  # type: ignore[no-untyped-def]
    start, key, value, q, d_out, lse, delta, times, columns, column_times, length, seconds, scale, num_global, d_key, d_value,
    D: tl.constexpr, PASSED: tl.constexpr, MASKED: tl.constexpr,
):  # fmt: skip
    rows = start + tl.arange(0, PASSED)
    query = _block(q, rows, length, D, MASKED)
    d_mixed = _block(d_out, rows, length, D, MASKED)
    row_lse = _line(lse, rows, length, MASKED)
    row_delta = _line(delta, rows, length, MASKED)
    score = tl.dot(key, tl.trans(query), input_precision="ieee")
    weight = tl.exp2(score * scale - row_lse[None, :])
    if MASKED:
        weight = tl.where(_pairs(columns, rows, times, column_times, length, seconds, num_global), weight, 0.0)
    d_value = tl.dot(weight.to(d_mixed.dtype), d_mixed, d_value, input_precision="ieee")
    d_weight = tl.dot(value, tl.trans(d_mixed), input_precision="ieee")
    d_score = weight * (d_weight - row_delta[None, :])
    d_key = tl.dot(d_score.to(query.dtype), query, d_key, input_precision="ieee")
    return d_key, d_value


@triton.jit
def _backward_keys(  # type: ignore[no-untyped-def]
    q, k, v, d_out, d_k, d_v, lse, delta, times, lengths, first, last, full_first, full_last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr, KEPT: tl.constexpr, PASSED: tl.constexpr, ACROSS: tl.constexpr,
):  # fmt: skip
    # Who attends to a block of keys is whom that block attends to: nearness in time is mutual.
    block, pair = _place(ACROSS)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    q, d_out, times = q + base, d_out + base, times + batch * tokens
    lse, delta = lse + pair * tokens, delta + pair * tokens
    length = tl.load(lengths + batch)
    low, high, full_low, full_high = _reach(
        first, last, full_first, full_last, batch * blocks, blocks, block, BLOCK, KEPT, PASSED
    )
    columns = block * KEPT + tl.arange(0, KEPT)
    column_times = tl.load(times + columns, mask=columns < length, other=0.0)
    key, value = _block(k + base, columns, length, D, True), _block(v + base, columns, length, D, True)
    d_key, d_value = tl.zeros((KEPT, D), tl.float32), tl.zeros((KEPT, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, PASSED) * PASSED, low)
    for step in range(0, ahead + high - low - (full_high - full_low), PASSED):
        d_key, d_value = _key_gradient(
            _ragged(step, ahead, low, full_low, full_high), key, value, q, d_out, lse, delta, times, columns, column_times,
            length, seconds, scale, num_global, d_key, d_value, D, PASSED, True,
        )  # fmt: skip
    for start in range(full_low, full_high, PASSED):
        d_key, d_value = _key_gradient(
            start, key, value, q, d_out, lse, delta, times, columns, column_times,
            length, seconds, scale, num_global, d_key, d_value, D, PASSED, False,
        )  # fmt: skip
    offsets = columns[:, None] * D + tl.arange(0, D)[None, :]
    inside = (columns < tokens)[:, None]
    real = (columns < length)[:, None]
    d_key = tl.where(real, d_key * (scale * 0.6931471805599453), 0.0)
    tl.store(d_k + base + offsets, d_key.to(d_k.dtype.element_ty), mask=inside)
    tl.store(d_v + base + offsets, tl.where(real, d_value, 0.0).to(d_v.dtype.element_ty), mask=inside)


class _WindowedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, windows: Windows, tiles: Tiles) -> torch.Tensor:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        batch, heads, tokens, _ = q.shape
        out = torch.empty_like(q)
        lse = torch.empty((batch, heads, tokens), dtype=torch.float32, device=q.device)
        _launch(_forward, tiles.forward, q, windows, q, k, v, out, lse)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.windows, ctx.tiles = windows, tiles
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        d_out = gradients[0].contiguous()
        delta = torch.empty_like(lse)
        d_q, d_k, d_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        _launch(_backward_queries, ctx.tiles.queries, q, ctx.windows, q, k, v, out, d_out, d_q, lse, delta)
        _launch(_backward_keys, ctx.tiles.keys, q, ctx.windows, q, k, v, d_out, d_k, d_v, lse, delta)
        return d_q, d_k, d_v, None, None


def windowed_attention(
    q_BHLD: torch.Tensor, k_BHLD: torch.Tensor, v_BHLD: torch.Tensor, windows: Windows, tiles: Tiles | None = None
) -> torch.Tensor:
    """(B, H, L, D) attention of each token over those that `windows` lets it see; zero for padding.
    Differentiable.

    `tiles` are chosen by width and precision where none are given. Raises `ValueError` for tensors
    that do not fit together and for a D other than 16, 32, 64, 128.
    """
    if not q_BHLD.shape == k_BHLD.shape == v_BHLD.shape or (q_BHLD.shape[0], q_BHLD.shape[2]) != windows.times_BL.shape:
        raise ValueError(f"Shapes {[tuple(x.shape) for x in (q_BHLD, k_BHLD, v_BHLD, windows.times_BL)]} do not fit together.")
    if q_BHLD.shape[-1] not in WIDTHS:
        raise ValueError(f"A head of width {q_BHLD.shape[-1]} is none of {WIDTHS}.")
    if tiles is None:
        narrow = q_BHLD.shape[-1] <= 64 and q_BHLD.dtype.itemsize == 2
        tiles = WIDE if not narrow else LOCAL if windows.is_local else DENSE
    result: torch.Tensor = _WindowedAttention.apply(q_BHLD, k_BHLD, v_BHLD, windows, tiles)
    return result


def _launch(kernel: Any, tile: Tile, q: torch.Tensor, windows: Windows, *tensors: torch.Tensor) -> None:
    batch, heads, tokens, width = q.shape
    told = (windows.times_BL, windows.lengths_B, windows.first_BN, windows.last_BN, windows.full_first_BN, windows.full_last_BN)
    sizes = (windows.seconds, width**-0.5 * LOG2_E, windows.num_global, heads, tokens)
    cut: dict[str, int] = {"D": width, "BLOCK": BLOCK, "KEPT": tile.kept, "PASSED": tile.passed, "ACROSS": tile.across}
    grid = (triton.cdiv(tokens, tile.kept), batch * heads)
    grid = grid[::-1] if tile.across else grid
    kernel[grid](*tensors, *told, *sizes, **cut, num_warps=tile.warps, num_stages=tile.stages)
