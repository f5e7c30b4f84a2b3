"""Controls that experts are compared with: low-rank updates, and routing before attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.language.moe_torch import MoE, Router, Routing
from mm.models.language.network_torch import LanguageModel, Layer

_SCALE = 0.1
"""Of a low-rank update, so that its learning rate is that of other matrices."""


class LowRankLinear(nn.Linear):
    """A frozen layer plus a trained update of low rank (Hu et al. 2021, arXiv:2106.09685)."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = linear.weight
        self.register_parameter("bias", None)
        self.lora_down = nn.Parameter(torch.randn(rank, linear.in_features) * linear.in_features**-0.5)
        self.lora_up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        update = functional.linear(functional.linear(x, self.lora_down), self.lora_up)
        return functional.linear(x, self.weight) + _SCALE * update


def add_low_rank_updates(model: LanguageModel, rank: int) -> None:
    """Replace all matrices of attention and feed-forward networks by ones with an update."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and name.endswith("_proj"):
                setattr(module, name, LowRankLinear(child, rank))


class EarlyRouter(Router):
    """A router that reads the input of the layer's attention (SmallThinker, arXiv:2507.20984)."""

    attention_input: Tensor | None = None

    def forward(self, x_TW: Tensor, expert_bias_TA: Tensor | None = None) -> Routing:
        if self.attention_input is None:
            raise RuntimeError("The attention of the layer has not run.")
        early_TW, self.attention_input = self.attention_input, None
        return super().forward(early_TW, expert_bias_TA)

    def receive(self, attention: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Keep the input of the attention; a forward hook."""
        self.attention_input = inputs[0].flatten(0, -2)


def route_before_attention(model: LanguageModel) -> None:
    """Let all routers read the normed input of attention instead of that of the experts."""
    for layer in model.modules():
        if isinstance(layer, Layer) and isinstance(layer.mlp, MoE):
            router = EarlyRouter(model.config)
            router.load_state_dict(layer.mlp.gate.state_dict())
            layer.mlp.gate = router
            layer.self_attn.register_forward_pre_hook(router.receive)
