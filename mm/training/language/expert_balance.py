"""Balances the use of routed experts during training, without an auxiliary loss.

After each step the selection bias of an expert is raised when it was used less than the average,
and lowered when it was used more (Wang et al. 2024, arXiv:2408.15664), in proportion to the
deviation up to a limit. The bias of the null experts is steered so that a token selects a given
number of real experts on average, as DTop-p (arXiv:2512.13996) steers its threshold. Names of
tensors end in their axes: T tokens, E real experts, then null experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.models.language.moe_torch import MoE, Routing
from mm.models.language.network_torch import LanguageModel

NULL_GAIN = 4.0
"""Steps of `null_rate` for each real expert a token above or below the target; at most one."""


@dataclass(frozen=True, slots=True)
class BalanceConfig:
    """How fast the selection bias changes, and the target of the null experts."""

    real_rate: float = 5e-3  # largest change of the bias of a real expert in a step
    null_rate: float = 1e-2  # the same for null experts
    mean_experts_per_tok: float = 2.0  # real experts of a token, on average


class ExpertBalance:
    """Counts which experts the tokens of a step select, and updates the selection bias."""

    def __init__(self, model: LanguageModel, config: BalanceConfig) -> None:
        """Raises `InvalidInput` when null experts cannot give the target."""
        sizes = model.config
        least = max(0, sizes.num_experts_per_tok - sizes.num_null_experts)
        if sizes.num_null_experts and not least <= config.mean_experts_per_tok <= sizes.num_experts_per_tok:
            raise InvalidInput(f"mean_experts_per_tok must be from {least} to {sizes.num_experts_per_tok}.")
        self._config, self._num_experts = config, sizes.num_experts
        self._biases = [module.gate.e_score_correction_bias for module in model.modules() if isinstance(module, MoE)]
        self._loads = [torch.zeros_like(bias) for bias in self._biases]
        self._num_tokens = 0.0

    def count(self, routings: Sequence[Routing], is_token_T: Tensor) -> None:
        """Add the selected experts of one forward pass, without those of padding."""
        for load, routing in zip(self._loads, routings, strict=True):
            selected = torch.zeros_like(routing.scores_TE).scatter_(1, routing.indices_TK, 1.0)
            load += (selected * is_token_T[:, None]).sum(0)
        self._num_tokens += float(is_token_T.sum())

    @torch.no_grad()
    def update(self) -> None:
        """Change the biases of all layers after a step, and begin to count again."""
        for bias, load in zip(self._biases, self._loads, strict=True):
            real, bias_E = load[: self._num_experts], bias[: self._num_experts]
            mean = real.mean()
            bias_E += self._config.real_rate * ((mean - real) / mean.clamp(min=1)).clamp(-1, 1)
            bias_E -= bias_E.mean()
            excess = real.sum() / max(self._num_tokens, 1.0) - self._config.mean_experts_per_tok
            bias[self._num_experts :] += self._config.null_rate * (NULL_GAIN * excess).clamp(-1, 1)
            load.zero_()
        self._num_tokens = 0.0


def compute_routing_entropy(routings: Sequence[Routing], is_token_T: Tensor, num_experts: int) -> Tensor:
    """Entropy, in nats, of the mean normalised scores of the real experts; mean over layers.

    A small multiple of it is subtracted from the loss, so that the router does not rely on the
    bias alone. The largest value, for equal scores, is log(num_experts).
    """
    entropies = []
    for routing in routings:
        scores_TE = routing.scores_TE[:, :num_experts]
        shares_TE = scores_TE / scores_TE.sum(1, keepdim=True) * is_token_T[:, None]
        mean_E = shares_TE.sum(0) / is_token_T.sum()
        entropies.append(-(mean_E * (mean_E + 1e-9).log()).sum())
    return torch.stack(entropies).mean()
