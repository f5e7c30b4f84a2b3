"""Balances the use of routed experts during training, without an auxiliary loss on the selection.

After each step the selection bias of an expert is raised when it was used less than the average,
and lowered when it was used more (Wang et al. 2024, arXiv:2408.15664), in proportion to the
deviation up to a limit. Deviations are averaged over the kinds of tokens: a prompt has more tokens
than the text that is written after it, and would outweigh it. The bias of the null experts is
steered so that a token selects a given number of real experts on average, as DTop-p
(arXiv:2512.13996) steers its threshold. Names of tensors end in their axes: T tokens, C kinds of
tokens, E real experts, then null experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.models.language.moe_torch import MoE, Routing
from mm.models.language.network_torch import LanguageModel

NULL_GAIN = 4.0
"""Steps of `null_rate` for each real expert a token above or below the target; at most one."""


class TokenKind(IntEnum):
    """What a token is in a training sequence."""

    PADDING = -1
    PROMPT = 0
    MEDIA = 1
    TEXT = 2


NUM_KINDS = 3


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
        self._config, self._num_experts, self._num_selected = config, sizes.num_experts, sizes.num_experts_per_tok
        self._biases = [module.gate.e_score_correction_bias for module in model.modules() if isinstance(module, MoE)]
        self._loads = [bias.new_zeros(NUM_KINDS, len(bias)) for bias in self._biases]

    def count(self, routings: Sequence[Routing], kinds_T: Tensor) -> None:
        """Add the selected experts of one forward pass; `kinds_T` holds a `TokenKind` a token."""
        is_kind_CT = (kinds_T == torch.arange(NUM_KINDS, device=kinds_T.device)[:, None]).float()
        for load, routing in zip(self._loads, routings, strict=True):
            selected_TE = torch.zeros_like(routing.scores_TE).scatter_(1, routing.indices_TK, 1.0)
            load += is_kind_CT @ selected_TE.detach().to(is_kind_CT)

    @torch.no_grad()
    def update(self) -> None:
        """Change the biases of all layers after a step, and begin to count again."""
        for bias, load_CE in zip(self._biases, self._loads, strict=True):
            real_CE, bias_E = load_CE[:, : self._num_experts], bias[: self._num_experts]
            mean_C = real_CE.mean(1, keepdim=True)
            deviation_CE = ((mean_C - real_CE) / mean_C.clamp(min=1)).clamp(-1, 1)
            is_counted_C = (mean_C > 0).float()
            bias_E += self._config.real_rate * (deviation_CE * is_counted_C).sum(0) / is_counted_C.sum().clamp(min=1)
            bias_E -= bias_E.mean()
            share_real = real_CE.sum() / load_CE.sum().clamp(min=1)
            excess = share_real * self._num_selected - self._config.mean_experts_per_tok
            bias[self._num_experts :] += self._config.null_rate * (NULL_GAIN * excess).clamp(-1, 1)
            load_CE.zero_()
