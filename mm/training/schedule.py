"""Factors of the learning rate, by step, for `torch.optim.lr_scheduler.LambdaLR`."""

from __future__ import annotations

import math


def linear_warmup(step: float, num_steps: float) -> float:
    """Rise from 0 to 1 over the first `num_steps`, then stay at 1."""
    return min(1.0, step / num_steps)


def cosine_decay(step: float, num_steps: float) -> float:
    """Fall from 1 to 0 over `num_steps` along half a cosine; 1 for a negative step."""
    return (1 + math.cos(math.pi * max(step, 0.0) / num_steps)) / 2
