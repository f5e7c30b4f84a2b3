"""Balances the use of routed experts during training, without an auxiliary loss on the selection.

After each step the selection bias of an expert is raised when it was used less than the average,
and lowered when it was used more (Wang et al. 2024, arXiv:2408.15664), in proportion to the
deviation up to a limit. Use is that of a fixed mix of tasks: a step has examples of one task, so
that the use of each task is a moving average over its steps, and the averages are weighted. The
bias of the null experts is steered so that a token selects a given number of real experts on
average, as DTop-p (arXiv:2512.13996) steers its threshold. Names of tensors end in their axes: T
tokens, L layers, E real experts, then null experts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.models.language.moe_torch import MoE, Routing
from mm.models.language.network_torch import LanguageModel

_SLOWING = 0.75
"""How much smaller the steps of the bias are at the end of a stage."""
NULL_GAIN = 4.0
"""Steps of `null_rate` for each real expert a token above or below the target; at most one."""


class TokenKind(IntEnum):
    """What a token is in a training sequence."""

    PADDING = -1
    PROMPT = 0
    MEDIA = 1
    TEXT = 2


NUM_KINDS = 3

Task = Literal["captions", "images", "evidence"]
"""What a batch asks for: captions, answers to questions about images, answers from evidence."""
TASK_SHARES: dict[Task, float] = {"captions": 0.35, "images": 0.2, "evidence": 0.45}
"""Shares of the tokens of each task in the mix, about those of `mm eval routing`."""


@dataclass(frozen=True, slots=True)
class BalanceConfig:
    """How fast the selection bias changes, and the target of the null experts."""

    real_rate: float = 2e-3  # largest change of the bias of a real expert in a step
    null_rate: float = 1e-2  # the same for null experts
    mean_experts_per_tok: float = 2.0  # real experts of a token, on average
    memory: float = 0.8  # share of the average use of a task that a step of it keeps


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
        self._step: dict[Task, Tensor] = {}
        self._shares: dict[Task, Tensor] = {}

    def count(self, routings: Sequence[Routing], kinds_T: Tensor, task: Task) -> None:
        """Add the selected experts of a forward pass; `kinds_T` holds a `TokenKind` a token."""
        loads_LE = count_assignments(routings, (kinds_T != TokenKind.PADDING).float())
        self._step[task] = self._step[task] + loads_LE if task in self._step else loads_LE

    @torch.no_grad()
    def update(self, progress: float = 0.0) -> None:
        """Change the biases of all layers after a step, and begin to count again.

        `progress` is the share of a stage that is done: the steps become smaller towards its end.
        """
        for task, loads_LE in self._step.items():
            shares_LE = loads_LE / loads_LE.sum(1, keepdim=True).clamp(min=1)
            before_LE = self._shares.get(task, shares_LE)
            self._shares[task] = torch.lerp(shares_LE, before_LE, self._config.memory)
        self._step = {}
        if not self._shares:
            return
        total = sum(TASK_SHARES[task] for task in self._shares)
        used_LE = torch.stack([TASK_SHARES[task] / total * shares for task, shares in self._shares.items()]).sum(0)
        real_LE = used_LE[:, : self._num_experts]
        mean_L1 = real_LE.mean(1, keepdim=True)
        deviation_LE = ((mean_L1 - real_LE) / mean_L1.clamp(min=1e-9)).clamp(-1, 1)
        excess_L = real_LE.sum(1) * self._num_selected - self._config.mean_experts_per_tok
        null_L = self._config.null_rate * (NULL_GAIN * excess_L).clamp(-1, 1)
        for bias, deviation_E, null in zip(self._biases, deviation_LE, null_L, strict=True):
            bias_E = bias[: self._num_experts]
            bias_E += self._config.real_rate * (1 - _SLOWING * progress) * deviation_E
            bias_E -= bias_E.mean()
            bias[self._num_experts :] += null

    def state(self) -> dict[str, Tensor]:
        """The average use of each task."""
        return {task: shares.clone() for task, shares in self._shares.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a value of `state`; an empty one begins without averages."""
        self._shares = {task: state[task].clone() for task in TASK_SHARES if task in state}


@torch.no_grad()
def count_assignments(routings: Sequence[Routing], weights_T: Tensor) -> Tensor:
    """How often each expert of each layer is selected (L, E), each token with its weight."""
    indices_LTK = torch.stack([routing.indices_TK for routing in routings])
    zeros_LE = weights_T.new_zeros(len(routings), routings[0].scores_TE.shape[1])
    weights_LTK = weights_T[None, :, None].expand(indices_LTK.shape)
    return zeros_LE.scatter_add_(1, indices_LTK.flatten(1), weights_LTK.flatten(1))
