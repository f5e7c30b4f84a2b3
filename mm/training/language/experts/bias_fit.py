"""Fits the selection bias of one MoE layer on the recorded scores of tokens.

First the rule of DeepSeek-V3 (Wang et al. 2024, arXiv:2408.15664) in proportion to the deviation,
with steps that decrease to a few millionths. It ends where single changes of the selection move the
loads more than they are off: the tokens of a prompt that is the same in every request select as
one. Then a search by simulated annealing (Kirkpatrick et al. 1983), one expert after the other,
lowers the squared coefficient of variation. Names of tensors end in their axes: T tokens, U
different rows of scores, A experts and null experts, E real experts, C candidates of a token, K
selected experts, J shifts of a bias that are compared, N kinds of loads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mm.errors import InvalidInput

ALL, TEXT = 0, 1
"""Kinds of loads: of all tokens, and of those of captions."""
_CANDIDATES = 16
"""Experts of a token that a change of the bias may select; the others are too far below."""
_REFRESH = 20
"""Steps of the rule after which the candidates are found again."""
_ROUNDING = 1e-5
"""Scores that differ less are those of the same token after the same text."""
_MEAN_TOLERANCE, _MEAN_WEIGHT = 0.01, 25.0
"""Of the mean number of experts: no penalty within it, and that of the squared excess."""


@dataclass(frozen=True, slots=True)
class BiasFitConfig:
    """How the bias of a layer is fitted. The defaults are those of the most even use on dev."""

    steps: int = 150  # of the rule
    first_rate: float = 1e-3  # largest change of the bias in the first step
    last_rate: float = 2e-6
    text_share: float = 0.15  # of the loads of captions in the deviation that the rule corrects
    text_weight: float = 0.03  # of the squared CV of captions beside that of all tokens
    sweeps: int = 8  # of the search, over all experts
    num_shifts: int = 15  # compared for an expert, besides its bias as it is
    first_shift: float = 8e-3  # largest change of the bias in the first sweep
    last_shift: float = 2e-4
    first_temperature: float = 5e-5  # of the search, in squared CV
    last_temperature: float = 1e-6
    mean_experts_per_tok: float = 2.05  # real experts of a token; more of them make the loads of equal tokens relatively smaller
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for values that fit nothing."""
        if min(self.steps, self.num_shifts) < 1 or self.sweeps < 0:
            raise InvalidInput("The fit of the selection bias needs at least one step and one shift.")
        if not 0 <= self.text_share <= 1:
            raise InvalidInput(f"text_share must be from 0 to 1, not {self.text_share}.")


@dataclass(frozen=True, slots=True)
class LayerUse:
    """How a layer uses its experts."""

    cv: float
    """Coefficient of variation of the loads of real experts, all tokens."""
    text_cv: float
    """The same of the tokens of captions."""
    experts_per_tok: float


class BiasFit:
    """The scores of a layer, and the loads that a bias gives."""

    def __init__(self, scores_TA: Tensor, is_text_T: Tensor, num_experts: int, num_selected: int) -> None:
        """Raises `InvalidInput` without tokens of captions."""
        if not is_text_T.any():
            raise InvalidInput("The tokens have no captions, whose use of experts is evened too.")
        self._num_experts, self._num_selected, self._num_tokens = num_experts, num_selected, len(scores_TA)
        rounded = (scores_TA / _ROUNDING).round().int()
        _, row_T = torch.unique(rounded, dim=0, return_inverse=True)
        num_rows = int(row_T.max()) + 1
        self._scores_UA = torch.empty_like(scores_TA[:num_rows]).index_copy_(0, row_T, scores_TA)
        times_NU = torch.zeros(2, num_rows, device=scores_TA.device)
        times_NU[ALL].index_add_(0, row_T, torch.ones_like(is_text_T, dtype=torch.float32))
        times_NU[TEXT].index_add_(0, row_T, is_text_T.float())
        self._times_NU = times_NU

    def measure(self, bias_A: Tensor) -> LayerUse:
        """The use of experts with a bias."""
        loads_NE = self._count(bias_A, *self._find_candidates(bias_A))[:, : self._num_experts]
        cv_N = loads_NE.std(1, correction=0) / loads_NE.mean(1)
        return LayerUse(float(cv_N[ALL]), float(cv_N[TEXT]), float(loads_NE[ALL].sum() / self._num_tokens))

    def fit(self, bias_A: Tensor, config: BiasFitConfig) -> Tensor:
        """The bias of lowest cost that was found, beginning with this one."""
        generator = torch.Generator().manual_seed(config.seed)
        return self._search(self._apply_rule(bias_A.clone(), config), config, generator)

    def _apply_rule(self, bias_A: Tensor, config: BiasFitConfig) -> Tensor:
        has_null = len(bias_A) > self._num_experts
        best_bias_A, lowest = bias_A.clone(), math.inf
        for step in range(config.steps):
            if step % _REFRESH == 0:
                candidates = self._find_candidates(bias_A)
            loads_NA = self._count(bias_A, *candidates)
            cost = float(self._compute_cost(loads_NA, config))
            if cost < lowest:
                best_bias_A, lowest = bias_A.clone(), cost
            rate = _interpolate(config.first_rate, config.last_rate, step, config.steps)
            relative_NE = loads_NA[:, : self._num_experts] / loads_NA[:, : self._num_experts].mean(1, keepdim=True).clamp(
                min=1e-9
            )
            relative_E = torch.lerp(relative_NE[ALL], relative_NE[TEXT], config.text_share)
            bias_A[: self._num_experts] += rate * (1 - relative_E).clamp(-1, 1)
            bias_A[: self._num_experts] -= bias_A[: self._num_experts].mean()
            if has_null:
                excess = loads_NA[ALL, : self._num_experts].sum() / self._num_tokens - config.mean_experts_per_tok
                bias_A[self._num_experts :] += 3 * rate * (4 * excess).clamp(-1, 1)
        return best_bias_A

    def _search(self, bias_A: Tensor, config: BiasFitConfig, generator: torch.Generator) -> Tensor:
        best_bias_A, lowest = bias_A.clone(), math.inf
        for sweep in range(config.sweeps):
            width = _interpolate(config.first_shift, config.last_shift, sweep, config.sweeps)
            temperature = _interpolate(config.first_temperature, config.last_temperature, sweep, config.sweeps)
            indices_UC, scores_UC = self._find_candidates(bias_A)
            loads_NA = self._count(bias_A, indices_UC, scores_UC)
            for expert in torch.randperm(self._num_experts, generator=generator).tolist():
                shifts_J = torch.cat([torch.zeros(1), width * (2 * torch.rand(config.num_shifts, generator=generator) - 1)])
                loads_JNA = loads_NA + self._count_changes(bias_A, expert, shifts_J.to(bias_A), indices_UC, scores_UC)
                costs_J = self._compute_cost(loads_JNA, config).cpu()
                noise_J = -torch.log(-torch.log(torch.rand(len(shifts_J), generator=generator)))  # draws from exp(-cost / T)
                chosen = int((noise_J - costs_J / temperature).argmax())
                bias_A[expert] += shifts_J[chosen].to(bias_A)
                loads_NA = loads_JNA[chosen]
                if costs_J[chosen] < lowest:
                    best_bias_A, lowest = bias_A.clone(), float(costs_J[chosen])
        return best_bias_A

    def _compute_cost(self, loads: Tensor, config: BiasFitConfig) -> Tensor:
        """Squared CV of all tokens, and weighted that of captions, of loads (..., N, A)."""
        real = loads[..., : self._num_experts]
        squared_cv = real.var(-1, correction=0) / real.mean(-1).clamp(min=1e-9).square()
        cost = squared_cv[..., ALL] + config.text_weight * squared_cv[..., TEXT]
        if loads.shape[-1] == self._num_experts:
            return cost  # without null experts the mean is fixed
        excess = (real[..., ALL, :].sum(-1) / self._num_tokens - config.mean_experts_per_tok).abs() - _MEAN_TOLERANCE
        return cost + _MEAN_WEIGHT * excess.clamp(min=0).square()

    def _find_candidates(self, bias_A: Tensor) -> tuple[Tensor, Tensor]:
        """The experts of the highest biased scores (U, C), and their scores."""
        count = min(_CANDIDATES, len(bias_A))
        indices_UC = (self._scores_UA + bias_A).topk(count, dim=1).indices
        return indices_UC, self._scores_UA.gather(1, indices_UC)

    def _count(self, bias_A: Tensor, indices_UC: Tensor, scores_UC: Tensor) -> Tensor:
        """Loads (N, A) of a bias."""
        places_UK = (scores_UC + bias_A[indices_UC]).topk(self._num_selected, dim=1, sorted=False).indices
        selected = indices_UC.gather(1, places_UK).flatten()
        times_N = self._times_NU[:, :, None].expand(-1, -1, self._num_selected).flatten(1)
        return torch.zeros(2, len(bias_A), device=bias_A.device).index_add_(1, selected, times_N)

    def _count_changes(self, bias_A: Tensor, expert: int, shifts_J: Tensor, indices_UC: Tensor, scores_UC: Tensor) -> Tensor:
        """How shifts of the bias of an expert change the loads (J, N, A); the first shift is 0.

        Where it is selected, it displaces the last of those that are selected without it.
        """
        is_expert_UC = indices_UC == expert
        rows = is_expert_UC.any(1).nonzero()[:, 0]
        indices, is_expert = indices_UC[rows], is_expert_UC[rows]
        biased = scores_UC[rows] + bias_A[indices]
        others = biased.masked_fill(is_expert, -math.inf).topk(self._num_selected, dim=1)
        displaced_R = indices.gather(1, others.indices[:, -1:])[:, 0]
        is_selected_JR = biased[is_expert] + shifts_J[:, None] > others.values[:, -1]
        changes_JNR = (is_selected_JR.float() - is_selected_JR[0].float())[:, None] * self._times_NU[:, rows]
        loads_JNA = torch.zeros(len(shifts_J), 2, len(bias_A), device=bias_A.device)
        loads_JNA.index_add_(2, displaced_R, -changes_JNR)
        loads_JNA[:, :, expert] += changes_JNR.sum(2)
        return loads_JNA


def _interpolate(first: float, last: float, number: int, count: int) -> float:
    """Geometrically from the first to the last of `count` values."""
    return float(first * (last / first) ** (number / max(count - 1, 1)))
