"""The router of an MoE layer in Triton: scores and selection. See `reference`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from kernels.experts.reference import MIN_SUM

MAX_SCORED_TOKENS = 64
"""From here a matrix product of torch is faster than one program for each token."""


@triton.jit
def _score(x, gate, out, R, W: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_W: tl.constexpr):  # type: ignore[no-untyped-def]
    token = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    acc = tl.zeros((BLOCK_R, BLOCK_W), tl.float32)
    for start in tl.static_range(0, W, BLOCK_W):
        columns = start + tl.arange(0, BLOCK_W)
        value = tl.load(x + token * W + columns, mask=columns < W, other=0.0).to(tl.float32)
        weight = tl.load(
            gate + rows[:, None] * W + columns[None, :], mask=(rows < R)[:, None] & (columns < W)[None, :], other=0.0
        )
        acc += weight * value[None, :]
    tl.store(out + token * R + rows, tl.sum(acc, axis=1), mask=rows < R)


def score_experts(x_TW: torch.Tensor, gate_RW: torch.Tensor) -> torch.Tensor:
    """See `reference.score_experts`. `gate_RW` must be float32."""
    num_tokens, width = x_TW.shape
    if num_tokens > MAX_SCORED_TOKENS:
        return x_TW.float() @ gate_RW.T
    num_routed = len(gate_RW)
    out = torch.empty((num_tokens, num_routed), dtype=torch.float32, device=x_TW.device)
    rows = 1 if num_tokens <= 4 else 4  # few tokens: more programs
    block = min(4096 // rows, triton.next_power_of_2(width))
    grid = (triton.cdiv(num_routed, rows), num_tokens)
    _score[grid](x_TW, gate_RW, out, num_routed, W=width, BLOCK_R=rows, BLOCK_W=block, num_warps=4)
    return out


@triton.jit
def _select(  # type: ignore[no-untyped-def]
    logits, bias, indices, weights, bias_stride, MIN_SUM: tl.constexpr,
    R: tl.constexpr, R_P2: tl.constexpr, K: tl.constexpr, K_P2: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    experts, places = tl.arange(0, R_P2), tl.arange(0, K_P2)
    is_expert = experts < R
    logit = tl.load(logits + token * R + experts, mask=is_expert, other=0.0)
    scores = 1.0 / (1.0 + tl.exp(-logit))
    biased = scores + tl.load(bias + token * bias_stride + experts, mask=is_expert, other=0.0)
    biased = tl.where(is_expert, biased, -float("inf"))
    selected_scores = tl.zeros((K_P2,), tl.float32)
    selected = tl.zeros((K_P2,), tl.int32)
    for place in tl.static_range(K):
        highest = tl.max(biased, axis=0)
        best = tl.min(tl.where(biased == highest, experts, R_P2), axis=0)
        score = tl.sum(tl.where(experts == best, scores, 0.0), axis=0)
        selected = tl.where(places == place, best, selected)
        selected_scores = tl.where(places == place, score, selected_scores)
        biased = tl.where(experts == best, -float("inf"), biased)
    total = tl.sum(selected_scores, axis=0) + MIN_SUM
    tl.store(indices + token * K + places, selected, mask=places < K)
    tl.store(weights + token * K + places, selected_scores / total, mask=places < K)


def select_experts(logits_TR: torch.Tensor, bias_TR: torch.Tensor, num_selected: int) -> tuple[torch.Tensor, torch.Tensor]:
    """See `reference.select_experts`. The arguments must be float32 and contiguous."""
    num_tokens, num_routed = logits_TR.shape
    indices = torch.empty((num_tokens, num_selected), dtype=torch.int32, device=logits_TR.device)
    weights = torch.empty((num_tokens, num_selected), dtype=torch.float32, device=logits_TR.device)
    _select[(num_tokens,)](
        logits_TR, bias_TR, indices, weights, num_routed if bias_TR.ndim == 2 else 0, MIN_SUM=MIN_SUM,
        R=num_routed, R_P2=triton.next_power_of_2(num_routed), K=num_selected, K_P2=triton.next_power_of_2(num_selected),
        num_warps=1,
    )  # fmt: skip
    return indices, weights
