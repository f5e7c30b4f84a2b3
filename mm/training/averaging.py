"""Averages of weights: over the steps of one run, and over several runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

_WARM_UP = 10


def create_moving_average(module: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of a module's weights and buffers, started from their values.

    The decay after n updates is min(decay, n / (n + 10)), so that the first steps weigh little.
    """

    def update(averages: list[Tensor], values: list[Tensor], count: Tensor | int) -> None:
        if averages[0].is_floating_point():  # counters, such as those of batch norms, keep their first value
            num_updates = int(count)
            decay_now = min(decay, num_updates / (num_updates + _WARM_UP))
            get_ema_multi_avg_fn(decay_now)(averages, values, count)  # type: ignore[no-untyped-call]

    average = AveragedModel(module, multi_avg_fn=update, use_buffers=True)  # type: ignore[arg-type]
    average.n_averaged.fill_(1)  # at 0 the first update would copy the module instead of averaging
    return average.requires_grad_(False).eval()


def average_weights(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of the weights of runs that started from the same ones, in float32.

    A uniform soup (Wortsman et al. 2022, arXiv:2203.05482).
    """
    return {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
