"""Reference implementation of the kernels of routed experts in torch.

Shape: T tokens, W hidden size, E real experts, R real and null experts, K selected for a token, I
width of an expert. Experts from index E are null experts: they are selected and compute nothing.
"""

from __future__ import annotations

import torch
from torch.nn import functional

MIN_SUM = 1e-20
"""Added to the sum of the selected scores."""


def score_experts(x_TW: torch.Tensor, gate_RW: torch.Tensor) -> torch.Tensor:
    """Router logits (T, R) in float32."""
    return x_TW.float() @ gate_RW.float().T


def select_experts(logits_TR: torch.Tensor, bias_TR: torch.Tensor, num_selected: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices (T, K), int32, and weights (T, K), float32, of the selected experts.

    Selected are the highest sigmoid scores after adding `bias_TR`, (R,) or (T, R); of equal ones
    the lowest index. Weights are the scores without the bias, divided by their sum.
    """
    scores = logits_TR.float().sigmoid()
    indices = (-(scores + bias_TR)).argsort(dim=1, stable=True)[:, :num_selected]
    selected = scores.gather(1, indices)
    return indices.int(), selected / (selected.sum(1, keepdim=True) + MIN_SUM)


def apply_experts(
    x_TW: torch.Tensor, indices_TK: torch.Tensor, weights_TK: torch.Tensor, gate_up_EIW: torch.Tensor, down_EWI: torch.Tensor
) -> torch.Tensor:
    """Weighted sum (T, W), float32, of the SwiGLU networks of the selected real experts.

    `gate_up_EIW` is (E, 2 I, W): the rows of gate_proj, then those of up_proj.
    """
    out = torch.zeros(x_TW.shape, dtype=torch.float32, device=x_TW.device)
    for expert in range(len(down_EWI)):
        tokens, places = (indices_TK == expert).nonzero(as_tuple=True)
        if len(tokens):
            gate, up = functional.linear(x_TW[tokens], gate_up_EIW[expert]).float().chunk(2, dim=-1)
            hidden = functional.silu(gate) * up * weights_TK[tokens, places, None]
            out[tokens] += functional.linear(hidden.to(x_TW.dtype), down_EWI[expert]).float()
    return out


def apply_layer(
    x_1W: torch.Tensor,
    gate_RW: torch.Tensor,
    bias_R: torch.Tensor,
    gate_up_EIW: torch.Tensor,
    down_EWI: torch.Tensor,
    num_selected: int,
    shared: tuple[torch.Tensor, torch.Tensor] | None = None,
    base_1W: torch.Tensor | None = None,
) -> torch.Tensor:
    """The whole MoE layer of a vector (1, W), in float32: router, routed and shared experts.

    `shared` are the matrices (2 S, W) and (W, S) of the shared expert; `base_1W` is added.
    """
    indices, weights = select_experts(score_experts(x_1W, gate_RW), bias_R, num_selected)
    out = apply_experts(x_1W, indices, weights, gate_up_EIW, down_EWI)
    if base_1W is not None:
        out += base_1W
    if shared is None:
        return out
    gate, up = functional.linear(x_1W, shared[0]).float().chunk(2, dim=-1)
    return out + functional.linear((functional.silu(gate) * up).to(x_1W.dtype), shared[1]).float()
