"""Trained updates of low rank of frozen matrices (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.language.checkpoint.low_rank import LowRankUpdate, is_updated
from mm.models.language.network_torch import LanguageModel


class LowRankLinear(nn.Linear):
    """A frozen layer plus `scale` times a trained update of low rank, which is 0 at first."""

    def __init__(self, linear: nn.Linear, rank: int, scale: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.scale = linear.in_features, linear.out_features, scale
        self.weight = linear.weight
        self.register_parameter("bias", None)
        self.lora_down = nn.Parameter(torch.randn(rank, linear.in_features) * linear.in_features**-0.5)
        self.lora_up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        update = functional.linear(functional.linear(x, self.lora_down), self.lora_up)
        return functional.linear(x, self.weight) + self.scale * update


def add_low_rank_updates(model: LanguageModel, rank: int, scale: float, *, only_attention: bool) -> None:
    """Give an update to the matrices of attention, and of feed-forward networks unless excluded."""
    for parent_name, parent in list(model.named_modules()):
        for name, child in list(parent.named_children()):
            is_matrix = type(child) is nn.Linear and name.endswith("_proj")
            if is_matrix and (not only_attention or is_updated(f"{parent_name}.{name}.weight")):
                setattr(parent, name, LowRankLinear(child, rank, scale))


def collect_updates(model: LanguageModel) -> dict[str, LowRankUpdate]:
    """The updates as matrices to be merged, by name of the weight."""
    return {f"{name}.weight": _collect(layer) for name, layer in _list_layers(model)}


def _list_layers(model: LanguageModel) -> Iterator[tuple[str, LowRankLinear]]:
    return ((name, module) for name, module in model.named_modules() if isinstance(module, LowRankLinear))


def _collect(layer: LowRankLinear) -> LowRankUpdate:
    down, up = layer.lora_down.detach(), layer.scale * layer.lora_up.detach()
    return LowRankUpdate(down.float().cpu().numpy(), up.float().cpu().numpy())
