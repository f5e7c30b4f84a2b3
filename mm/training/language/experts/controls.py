"""A control that experts are compared with: routing before attention."""

from __future__ import annotations

from torch import Tensor, nn

from mm.models.language.moe_torch import MoE, Router, Routing
from mm.models.language.network_torch import LanguageModel, Layer


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
