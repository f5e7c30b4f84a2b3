"""The fused kernels in Triton. See `reference` for what each computes."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def _add_rms_norm(x, delta, weight, out, epsilon, W: tl.constexpr, BLOCK: tl.constexpr, HAS_DELTA: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    mask = columns < W
    value = tl.load(x + row * W + columns, mask=mask, other=0.0)
    if HAS_DELTA:
        value += tl.load(delta + row * W + columns, mask=mask, other=0.0).to(tl.float32)
        tl.store(x + row * W + columns, value, mask=mask)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, axis=0) / W + epsilon)
    factor = tl.load(weight + columns, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * W + columns, (value * scale * factor).to(out.dtype.element_ty), mask=mask)


def add_rms_norm(x_TW: torch.Tensor, delta_TW: torch.Tensor | None, weight_W: torch.Tensor, epsilon: float) -> torch.Tensor:
    """See `reference.add_rms_norm`. `x_TW` and `delta_TW` must be contiguous."""
    num_tokens, width = x_TW.shape
    out = torch.empty((num_tokens, width), dtype=weight_W.dtype, device=x_TW.device)
    delta = x_TW if delta_TW is None else delta_TW
    block = triton.next_power_of_2(width)
    _add_rms_norm[(num_tokens,)](
        x_TW, delta, weight_W, out, epsilon,
        W=width, BLOCK=block, HAS_DELTA=delta_TW is not None, num_warps=min(8, max(1, block // 512)),
    )  # fmt: skip
    return out


@triton.jit
def _rotate_and_store(  # type: ignore[no-untyped-def]
    qkv, positions, slots, cos, sin, queries, keys, values,
    H: tl.constexpr, G: tl.constexpr, HALF: tl.constexpr, HEADS_P2: tl.constexpr, HALF_P2: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    heads, lanes = tl.arange(0, HEADS_P2)[:, None], tl.arange(0, HALF_P2)[None, :]
    width = 2 * HALF
    mask = (heads < H + 2 * G) & (lanes < HALF)
    source = qkv + token * (H + 2 * G) * width + heads * width + lanes
    first, second = tl.load(source, mask=mask, other=0.0), tl.load(source + HALF, mask=mask, other=0.0)
    angle = tl.load(positions + token) * HALF + lanes
    cosine, sine = tl.load(cos + angle, mask=lanes < HALF, other=0.0), tl.load(sin + angle, mask=lanes < HALF, other=0.0)
    a, b = first.to(tl.float32), second.to(tl.float32)
    is_value = heads >= H + G
    first = tl.where(is_value, a, a * cosine - b * sine)
    second = tl.where(is_value, b, b * cosine + a * sine)
    is_query = mask & (heads < H)
    target = queries + token * H * width + heads * width + lanes
    tl.store(target, first.to(queries.dtype.element_ty), mask=is_query)
    tl.store(target + HALF, second.to(queries.dtype.element_ty), mask=is_query)
    slot = tl.load(slots + token).to(tl.int64)
    is_key = mask & (heads >= H) & (heads < H + G) & (slot >= 0)
    target = keys + slot * G * width + (heads - H) * width + lanes
    tl.store(target, first.to(keys.dtype.element_ty), mask=is_key)
    tl.store(target + HALF, second.to(keys.dtype.element_ty), mask=is_key)
    is_stored = mask & is_value & (slot >= 0)
    target = values + slot * G * width + (heads - H - G) * width + lanes
    tl.store(target, first.to(values.dtype.element_ty), mask=is_stored)
    tl.store(target + HALF, second.to(values.dtype.element_ty), mask=is_stored)


def rotate_and_store(
    qkv_TN: torch.Tensor,
    positions_T: torch.Tensor,
    slots_T: torch.Tensor,
    cos_PD: torch.Tensor,
    sin_PD: torch.Tensor,
    keys_SGD: torch.Tensor,
    values_SGD: torch.Tensor,
) -> torch.Tensor:
    """See `reference.rotate_and_store`. All tensors must be contiguous."""
    num_kv_heads, width = keys_SGD.shape[1:]
    num_heads = qkv_TN.shape[1] // width - 2 * num_kv_heads
    queries = torch.empty((len(qkv_TN), num_heads, width), dtype=qkv_TN.dtype, device=qkv_TN.device)
    _rotate_and_store[(len(qkv_TN),)](
        qkv_TN, positions_T, slots_T, cos_PD, sin_PD, queries, keys_SGD, values_SGD,
        H=num_heads, G=num_kv_heads, HALF=width // 2,
        HEADS_P2=triton.next_power_of_2(num_heads + 2 * num_kv_heads), HALF_P2=triton.next_power_of_2(width // 2),
        num_warps=2,
    )  # fmt: skip
    return queries


@triton.jit
def _silu_and_multiply(gate_up, out, WIDTH: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = columns < WIDTH
    gate = tl.load(gate_up + row * 2 * WIDTH + columns, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * WIDTH + WIDTH + columns, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * WIDTH + columns, (gate / (1.0 + tl.exp(-gate)) * up).to(out.dtype.element_ty), mask=mask)


def silu_and_multiply(gate_up_TN: torch.Tensor) -> torch.Tensor:
    """See `reference.silu_and_multiply`. The argument must be contiguous."""
    num_tokens, width = len(gate_up_TN), gate_up_TN.shape[1] // 2
    out = torch.empty((num_tokens, width), dtype=gate_up_TN.dtype, device=gate_up_TN.device)
    block = min(1024, triton.next_power_of_2(width))
    _silu_and_multiply[(num_tokens, triton.cdiv(width, block))](gate_up_TN, out, WIDTH=width, BLOCK=block)
    return out
