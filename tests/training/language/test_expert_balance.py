"""The selection bias balances the use of experts and steers the number of real ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from mm.errors import InvalidInput
from mm.models.language.moe_torch import Routing
from mm.models.language.network_torch import LanguageModel
from mm.training.language.expert_balance import BalanceConfig, ExpertBalance, compute_routing_entropy
from tests.models.language.models import MOE, random_weights

FAST = BalanceConfig(real_rate=2e-2, null_rate=2e-2)


def make_model() -> LanguageModel:
    """A model whose routers prefer some experts for all tokens."""
    weights = random_weights(MOE)
    for name, value in weights.items():
        if name.endswith("bias"):
            weights[name] = 5 * value
    return LanguageModel.from_weights(MOE, weights).eval()


def route(model: LanguageModel, seed: int = 0) -> list[Routing]:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return model(torch.randn(4, 100, MOE.hidden_size, generator=generator)).routings


def measure_use(routings: list[Routing]) -> tuple[float, float]:
    """The worst coefficient of variation of a layer, and the mean number of real experts."""
    loads = torch.stack([torch.bincount(routing.indices_TK.flatten(), minlength=13)[:10].float() for routing in routings])
    variation = loads.std(1, correction=0) / loads.mean(1)
    return float(variation.max()), float(loads.sum() / len(routings) / len(routings[0].indices_TK))


def test_expert_balance_evens_the_use_and_reaches_the_mean_number_of_experts() -> None:
    model = make_model()
    balance, is_token = ExpertBalance(model, FAST), torch.ones(400)
    variation_before, _ = measure_use(route(model))
    for step in range(150):
        balance.count(route(model, step), is_token)
        balance.update()
    variation, mean_experts = measure_use(route(model, 1000))
    assert variation_before > 0.6
    assert variation < 0.25
    assert mean_experts == pytest.approx(2.0, abs=0.15)


def test_expert_balance_raises_the_bias_of_unused_experts_and_counts_no_padding() -> None:
    model = make_model()
    balance = ExpertBalance(model, FAST)
    biases = [value for name, value in model.named_buffers() if name.endswith("bias")]
    before = [bias.clone() for bias in biases]
    scores = torch.full((4, 13), 0.5)
    routing = Routing(scores, torch.tensor([[0, 1, 2], [0, 1, 2], [0, 1, 2], [7, 8, 9]]), torch.full((4, 3), 1 / 3))
    balance.count([routing] * len(biases), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    balance.update()
    for bias, old in zip(biases, before, strict=True):
        change = bias - old - (bias - old)[:10].mean()
        assert (change[:3] < 0).all()
        assert (change[3:10] > 0).all()
        assert torch.allclose(change[7:10], change[3].expand(3))
        assert (bias - old)[10:].allclose(torch.tensor(FAST.null_rate))  # 3 real experts a token exceed 2
        assert abs(float(bias[:10].mean())) < 1e-6


def test_routing_entropy_is_largest_for_equal_scores_and_ignores_padding() -> None:
    even = Routing(torch.full((3, 13), 0.4), torch.zeros(3, 3, dtype=torch.long), torch.ones(3, 3) / 3)
    uneven = torch.full((3, 13), 0.01)
    uneven[:, 4] = 0.99
    skewed = replace(even, scores_TE=uneven)
    mixed = replace(even, scores_TE=torch.cat([even.scores_TE[:2], uneven[:1]]))
    every = torch.ones(3)
    assert float(compute_routing_entropy([even], every, 10)) == pytest.approx(math.log(10), abs=1e-5)
    assert float(compute_routing_entropy([skewed], every, 10)) < 0.6
    two = torch.tensor([1.0, 1.0, 0.0])
    assert float(compute_routing_entropy([mixed], two, 10)) == pytest.approx(math.log(10), abs=1e-5)


def test_routing_entropy_as_a_loss_evens_the_scores() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]], requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        routing = Routing(logits.sigmoid(), torch.tensor([[0]]), torch.ones(1, 1))
        (-compute_routing_entropy([routing], torch.ones(1), 3)).backward()
        optimizer.step()
    assert float(logits.detach().sigmoid().std()) < 0.05


@pytest.mark.parametrize("mean", [-0.5, 3.5])
def test_expert_balance_with_an_impossible_target_raises_invalid_input(mean: float) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 3"):
        ExpertBalance(make_model(), BalanceConfig(mean_experts_per_tok=mean))
