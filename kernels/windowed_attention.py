"""Attention within windows of time, forward and backward, without the score matrix in memory.

FlashAttention-2 (Dao 2023): blocks of queries pass over blocks of keys with a running softmax. Here a block passes only over the
keys that `Windows` says are near enough in time, and over the global ones, so that cost grows with L times the window.

Shape: B batch, H heads, L tokens, D width of a head. `windowed_attention_torch` is the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl

from kernels.windows import BLOCK

if TYPE_CHECKING:
    from kernels.windows import Windows

WIDTHS = (16, 32, 64, 128)
LOG2_E = 1.4426950408889634


@triton.jit
def _pairs(rows, columns, times, row_times, length, seconds, num_global):  # type: ignore[no-untyped-def]
    """Which (row, column) pairs attend to each other."""
    column_times = tl.load(times + columns, mask=columns < length, other=0.0)
    near = tl.abs(row_times[:, None] - column_times[None, :]) <= seconds
    seen = near | (rows < num_global)[:, None] | (columns < num_global)[None, :]
    return seen & (rows < length)[:, None] & (columns < length)[None, :]


@triton.jit
def _block(pointer, index, length, stride, D: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows `index` of an (L, D) matrix, zero behind its end."""
    offsets = index[:, None] * stride + tl.arange(0, D)[None, :]
    return tl.load(pointer + offsets, mask=(index < length)[:, None], other=0.0)


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    q, k, v, out, lse, times, lengths, first, last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    block, pair = tl.program_id(0), tl.program_id(1)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    length = tl.load(lengths + batch)
    low, high = tl.load(first + batch * blocks + block), tl.load(last + batch * blocks + block)
    rows = block * BLOCK + tl.arange(0, BLOCK)
    row_times = tl.load(times + batch * tokens + rows, mask=rows < length, other=0.0)
    query = _block(q + base, rows, length, D, D)
    best = tl.full((BLOCK,), -float("inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    mixed = tl.zeros((BLOCK, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, BLOCK) * BLOCK, low)  # the global keys, unless the window begins with them
    for step in range(0, ahead + tl.maximum(high - low, 0), BLOCK):
        start = tl.where(step < ahead, step, step - ahead + low)
        columns = start + tl.arange(0, BLOCK)
        key = _block(k + base, columns, length, D, D)
        value = _block(v + base, columns, length, D, D)
        seen = _pairs(rows, columns, times + batch * tokens, row_times, length, seconds, num_global)
        score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        score = tl.where(seen, score, -float("inf"))
        top = tl.maximum(best, tl.max(score, axis=1))
        anchor = tl.where(top == -float("inf"), 0.0, top)
        weight = tl.exp2(score - anchor[:, None])
        shrink = tl.exp2(best - anchor)
        total = total * shrink + tl.sum(weight, axis=1)
        mixed = mixed * shrink[:, None] + tl.dot(weight.to(value.dtype), value, input_precision="ieee")
        best = top
    divisor = tl.where(total == 0.0, 1.0, total)
    inside = rows < tokens
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    tl.store(out + base + offsets, (mixed / divisor[:, None]).to(out.dtype.element_ty), mask=inside[:, None])
    tl.store(lse + pair * tokens + rows, tl.where(total == 0.0, 0.0, best + tl.log2(divisor)), mask=inside)


@triton.jit
def _backward_queries(  # type: ignore[no-untyped-def]
    q, k, v, d_out, d_q, lse, delta, times, lengths, first, last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    block, pair = tl.program_id(0), tl.program_id(1)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    length = tl.load(lengths + batch)
    low, high = tl.load(first + batch * blocks + block), tl.load(last + batch * blocks + block)
    rows = block * BLOCK + tl.arange(0, BLOCK)
    row_times = tl.load(times + batch * tokens + rows, mask=rows < length, other=0.0)
    query, d_mixed = _block(q + base, rows, length, D, D), _block(d_out + base, rows, length, D, D)
    row_lse = tl.load(lse + pair * tokens + rows, mask=rows < length, other=0.0)
    row_delta = tl.load(delta + pair * tokens + rows, mask=rows < length, other=0.0)
    d_query = tl.zeros((BLOCK, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, BLOCK) * BLOCK, low)
    for step in range(0, ahead + tl.maximum(high - low, 0), BLOCK):
        start = tl.where(step < ahead, step, step - ahead + low)
        columns = start + tl.arange(0, BLOCK)
        key = _block(k + base, columns, length, D, D)
        value = _block(v + base, columns, length, D, D)
        seen = _pairs(rows, columns, times + batch * tokens, row_times, length, seconds, num_global)
        score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        weight = tl.where(seen, tl.exp2(score - row_lse[:, None]), 0.0)
        d_weight = tl.dot(d_mixed, tl.trans(value), input_precision="ieee")
        d_score = weight * (d_weight - row_delta[:, None])
        d_query += tl.dot(d_score.to(key.dtype), key, input_precision="ieee")
    offsets = rows[:, None] * D + tl.arange(0, D)[None, :]
    d_query *= scale * 0.6931471805599453  # the score was taken in powers of 2
    tl.store(d_q + base + offsets, d_query.to(d_q.dtype.element_ty), mask=(rows < tokens)[:, None])


@triton.jit
def _backward_keys(  # type: ignore[no-untyped-def]
    q, k, v, d_out, d_k, d_v, lse, delta, times, lengths, first, last,
    seconds, scale, num_global, heads, tokens,
    D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    # Who attends to a block of keys is whom that block attends to: nearness in time is mutual.
    block, pair = tl.program_id(0), tl.program_id(1)
    batch = pair // heads
    blocks = tl.cdiv(tokens, BLOCK)
    base = pair.to(tl.int64) * tokens * D
    length = tl.load(lengths + batch)
    low, high = tl.load(first + batch * blocks + block), tl.load(last + batch * blocks + block)
    columns = block * BLOCK + tl.arange(0, BLOCK)
    column_times = tl.load(times + batch * tokens + columns, mask=columns < length, other=0.0)
    key, value = _block(k + base, columns, length, D, D), _block(v + base, columns, length, D, D)
    d_key, d_value = tl.zeros((BLOCK, D), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    ahead = tl.minimum(tl.cdiv(num_global, BLOCK) * BLOCK, low)
    for step in range(0, ahead + tl.maximum(high - low, 0), BLOCK):
        start = tl.where(step < ahead, step, step - ahead + low)
        rows = start + tl.arange(0, BLOCK)
        query, d_mixed = _block(q + base, rows, length, D, D), _block(d_out + base, rows, length, D, D)
        row_lse = tl.load(lse + pair * tokens + rows, mask=rows < length, other=0.0)
        row_delta = tl.load(delta + pair * tokens + rows, mask=rows < length, other=0.0)
        seen = _pairs(columns, rows, times + batch * tokens, column_times, length, seconds, num_global)
        score = tl.dot(key, tl.trans(query), input_precision="ieee") * scale
        weight = tl.where(seen, tl.exp2(score - row_lse[None, :]), 0.0)
        d_value += tl.dot(weight.to(d_mixed.dtype), d_mixed, input_precision="ieee")
        d_weight = tl.dot(value, tl.trans(d_mixed), input_precision="ieee")
        d_score = weight * (d_weight - row_delta[None, :])
        d_key += tl.dot(d_score.to(query.dtype), query, input_precision="ieee")
    offsets = columns[:, None] * D + tl.arange(0, D)[None, :]
    inside = (columns < tokens)[:, None]
    d_key *= scale * 0.6931471805599453
    tl.store(d_k + base + offsets, d_key.to(d_k.dtype.element_ty), mask=inside)
    tl.store(d_v + base + offsets, d_value.to(d_v.dtype.element_ty), mask=inside)


class _WindowedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, windows: Windows) -> torch.Tensor:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        batch, heads, tokens, width = q.shape
        out = torch.empty_like(q)
        lse = torch.empty((batch, heads, tokens), dtype=torch.float32, device=q.device)
        _forward[_grid(q)](q, k, v, out, lse, *_told(windows), *_sizes(q, windows), D=width, BLOCK=BLOCK)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.windows = windows
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        d_out = gradients[0].contiguous()
        delta = (d_out.float() * out.float()).sum(dim=-1)
        d_q, d_k, d_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        told, sizes, width = _told(ctx.windows), _sizes(q, ctx.windows), q.shape[-1]
        _backward_queries[_grid(q)](q, k, v, d_out, d_q, lse, delta, *told, *sizes, D=width, BLOCK=BLOCK)
        _backward_keys[_grid(q)](q, k, v, d_out, d_k, d_v, lse, delta, *told, *sizes, D=width, BLOCK=BLOCK)
        return d_q, d_k, d_v, None


def windowed_attention(q_BHLD: torch.Tensor, k_BHLD: torch.Tensor, v_BHLD: torch.Tensor, windows: Windows) -> torch.Tensor:
    """(B, H, L, D) attention of each token over those that `windows` lets it see; zero for padding. Differentiable.

    Raises `ValueError` for tensors that do not fit together and for a D other than 16, 32, 64, 128.
    """
    if not q_BHLD.shape == k_BHLD.shape == v_BHLD.shape or (q_BHLD.shape[0], q_BHLD.shape[2]) != windows.times_BL.shape:
        raise ValueError(f"Shapes {[tuple(x.shape) for x in (q_BHLD, k_BHLD, v_BHLD, windows.times_BL)]} do not fit together.")
    if q_BHLD.shape[-1] not in WIDTHS:
        raise ValueError(f"A head of width {q_BHLD.shape[-1]} is none of {WIDTHS}.")
    result: torch.Tensor = _WindowedAttention.apply(q_BHLD, k_BHLD, v_BHLD, windows)  # type: ignore[no-untyped-call]
    return result


def _grid(q: torch.Tensor) -> tuple[int, int]:
    batch, heads, tokens, _ = q.shape
    return triton.cdiv(tokens, BLOCK), batch * heads


def _told(windows: Windows) -> tuple[torch.Tensor, ...]:
    return windows.times_BL, windows.lengths_B, windows.first_BN, windows.last_BN


def _sizes(q: torch.Tensor, windows: Windows) -> tuple[float | int, ...]:
    _, heads, tokens, width = q.shape
    return windows.seconds, width**-0.5 * LOG2_E, windows.num_global, heads, tokens
