"""Averages of weights: over the steps of one run, and over runs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of a module's weights and of its norms' statistics; shorter in the
    first steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        ours, theirs = self.module.state_dict(), module.state_dict()
        names = [name for name, tensor in ours.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([ours[name] for name in names], [theirs[name] for name in names], 1 - decay)


def average_weights(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Uniform soup (Wortsman et al. 2022, arXiv:2203.05482): mean of the weights of runs that
    started from the same ones."""
    return {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
