"""Averages of weights over steps and over runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mm.training.averaging import average_weights, create_moving_average

pytestmark = pytest.mark.usefixtures("one_thread")


def test_moving_average_converges_to_constant_weights() -> None:
    module = nn.BatchNorm1d(3)
    average = create_moving_average(module, 0.9)
    nn.init.constant_(module.weight, 5.0)
    module.running_mean.fill_(2.0)  # type: ignore[union-attr]
    average.update_parameters(module)
    assert (average.module.weight > 1).all()
    assert (average.module.weight < 5).all()
    for _ in range(200):
        average.update_parameters(module)
    assert torch.allclose(average.module.weight, module.weight)
    assert torch.allclose(average.module.running_mean, module.running_mean)  # type: ignore[arg-type]
    assert average.module.weight.data_ptr() != module.weight.data_ptr()


def test_average_weights_is_the_mean_of_each_tensor() -> None:
    states = [{"a": torch.full((2,), float(value)), "b": torch.tensor(value).half()} for value in (1, 2, 6)]
    mean = average_weights(states)
    assert torch.equal(mean["a"], torch.full((2,), 3.0))
    assert mean["b"].dtype == torch.float32
