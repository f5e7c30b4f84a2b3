"""The MoE layer in torch, for training and GPUs, with the same weights as `reference.moe`.

Names of tensors end in their axes: T tokens, W hidden size, E experts, K selected experts, I width
of an expert.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.language.config import LanguageConfig
from mm.models.language.reference.router import MIN_SUM


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """Like `reference.router.Routing`; gradients flow through scores and weights."""

    scores_TE: Tensor
    indices_TK: Tensor
    weights_TK: Tensor


class SwiGLU(nn.Module):
    """See `reference.swiglu`."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return output


class Router(nn.Module):
    """See `reference.router`. Computed in float32, because a small error selects another expert."""

    e_score_correction_bias: Tensor

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.num_experts_per_tok = config.num_experts_per_tok
        self.weight = nn.Parameter(torch.empty(config.num_routed, config.hidden_size).normal_(std=0.02))
        self.register_buffer("e_score_correction_bias", torch.zeros(config.num_routed))

    def forward(self, x_TW: Tensor, expert_bias_TA: Tensor | None = None) -> Routing:
        with torch.autocast(x_TW.device.type, enabled=False):
            scores = torch.sigmoid(x_TW.float() @ self.weight.float().T)
        biased = scores.detach() + self.e_score_correction_bias.float()
        biased = biased if expert_bias_TA is None else biased + expert_bias_TA
        indices = biased.topk(self.num_experts_per_tok, dim=1).indices
        selected = scores.gather(1, indices)
        return Routing(scores, indices, selected / (selected.sum(1, keepdim=True) + MIN_SUM))


class Experts(nn.Module):
    """The routed experts, see `reference.moe.apply_experts`.

    All real experts are computed for all tokens in two matrix products, and those that are not
    selected get the weight 0. This is fast while all experts together are not much wider than the
    shared ones, as with 128 experts of width 16.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.moe_intermediate_size
        self.gate_up_proj = nn.Parameter(torch.empty(config.num_experts, 2 * inner, width).normal_(std=0.02))
        self.down_proj = nn.Parameter(torch.empty(config.num_experts, width, inner).normal_(std=0.02))

    def matrices(self) -> tuple[Tensor, Tensor]:
        """The matrices that the output is computed with: `gate_up_proj`, `down_proj`."""
        return self.gate_up_proj, self.down_proj

    def forward(self, x_TW: Tensor, routing: Routing) -> Tensor:
        gate_up_proj, down_proj = self.matrices()
        num_experts, width, inner = down_proj.shape
        weights_TE = torch.zeros_like(routing.scores_TE).scatter(1, routing.indices_TK, routing.weights_TK)[:, :num_experts]
        gate_up = functional.linear(x_TW, gate_up_proj.flatten(0, 1)).view(-1, num_experts, 2 * inner)
        gate, up = gate_up.chunk(2, dim=2)
        hidden_TEI = functional.silu(gate) * up * weights_TE[:, :, None].to(gate.dtype)
        return functional.linear(hidden_TEI.flatten(1), down_proj.transpose(0, 1).reshape(width, num_experts * inner))


class MoE(nn.Module):
    """Shared experts plus the weighted sum of the selected routed experts."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.gate = Router(config)
        self.experts = Experts(config)
        self.shared_experts = SwiGLU(config.hidden_size, config.shared_intermediate_size)

    def forward(self, x: Tensor, expert_bias_TA: Tensor | None = None) -> tuple[Tensor, Routing]:
        """Output, in the shape (..., W) of the input, and the routing of its tokens in order."""
        x_TW = x.flatten(0, -2)
        routing = self.gate(x_TW, expert_bias_TA)
        output: Tensor = self.shared_experts(x) + self.experts(x_TW, routing).view_as(x)
        return output, routing
