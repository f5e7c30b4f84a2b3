"""The selection bias balances the use of experts and steers the number of real ones."""

from __future__ import annotations

import math

import pytest
import torch

from mm.errors import InvalidInput
from mm.models.language.moe_torch import Routing
from mm.models.language.network_torch import LanguageModel
from mm.training.language.experts.balance import BalanceConfig, ExpertBalance, TokenKind
from mm.training.language.experts.routing_losses import compute_unevenness, compute_z_loss
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
    balance, kinds = ExpertBalance(model, FAST), torch.full((400,), TokenKind.TEXT)
    variation_before, _ = measure_use(route(model))
    for step in range(150):
        balance.count(route(model, step), kinds)
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
    balance.count([routing] * len(biases), torch.tensor([TokenKind.TEXT] * 3 + [TokenKind.PADDING]))
    balance.update()
    for bias, old in zip(biases, before, strict=True):
        change = bias - old - (bias - old)[:10].mean()
        assert (change[:3] < 0).all()
        assert (change[3:10] > 0).all()
        assert torch.allclose(change[7:10], change[3].expand(3))
        assert (bias - old)[10:].allclose(torch.tensor(FAST.null_rate))  # 3 real experts a token exceed 2
        assert abs(float(bias[:10].mean())) < 1e-6


def test_expert_balance_weighs_kinds_of_tokens_equally() -> None:
    model = make_model()
    balance = ExpertBalance(model, FAST)
    biases = [value for name, value in model.named_buffers() if name.endswith("bias")]
    before = [bias.clone() for bias in biases]
    # Prompt tokens use expert 0, one text token expert 1: both above the mean of their kind.
    indices = torch.tensor([[0, 10, 11]] * 99 + [[1, 10, 11]])
    routing = Routing(torch.full((100, 13), 0.5), indices, torch.full((100, 3), 1 / 3))
    balance.count([routing] * len(biases), torch.tensor([TokenKind.PROMPT] * 99 + [TokenKind.TEXT]))
    balance.update()
    for bias, old in zip(biases, before, strict=True):
        change = bias - old
        assert change[0] < change[1] < change[2]
        assert change[2:10].allclose(change[2])


def make_routing(scores_TE: torch.Tensor) -> Routing:
    return Routing(scores_TE, torch.zeros(len(scores_TE), 3, dtype=torch.long), torch.ones(len(scores_TE), 3) / 3)


def test_unevenness_is_zero_for_equal_scores_and_ignores_padding() -> None:
    even, biases = torch.full((3, 13), 0.4), [torch.zeros(13)]
    uneven = torch.full((3, 13), 0.01)
    uneven[:, 4] = 0.99
    kinds = torch.full((3,), TokenKind.MEDIA)
    assert float(compute_unevenness([make_routing(even)], biases, kinds, 10)) == pytest.approx(0.0, abs=1e-5)
    assert float(compute_unevenness([make_routing(uneven)], biases, kinds, 10)) == pytest.approx(math.log(10), abs=1e-3)
    mixed = torch.cat([even[:2], uneven[:1]])
    kinds = torch.tensor([TokenKind.MEDIA, TokenKind.MEDIA, TokenKind.PADDING])
    assert float(compute_unevenness([make_routing(mixed)], biases, kinds, 10)) == pytest.approx(0.0, abs=1e-5)


def test_unevenness_is_that_of_each_kind_of_token() -> None:
    scores = torch.full((2, 13), 0.01)
    scores[0, :5], scores[1, 5:10] = 0.99, 0.99
    text, both = torch.full((2,), TokenKind.TEXT), torch.tensor([TokenKind.TEXT, TokenKind.PROMPT])
    assert float(compute_unevenness([make_routing(scores)], [torch.zeros(13)], text, 10)) == pytest.approx(0.0, abs=1e-3)
    assert float(compute_unevenness([make_routing(scores)], [torch.zeros(13)], both, 10)) == pytest.approx(math.log(2), abs=1e-3)


def test_unevenness_as_a_loss_evens_the_scores_with_their_biases() -> None:
    logits = torch.tensor([[0.2, 0.0, -0.1]], requires_grad=True)
    bias = torch.tensor([0.05, 0.0, 0.0])
    optimizer = torch.optim.SGD([logits], lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        compute_unevenness([make_routing(logits.sigmoid())], [bias], torch.full((1,), TokenKind.TEXT), 3).backward()
        optimizer.step()
    assert float((logits.detach().sigmoid() + bias).std()) < 0.01


def test_z_loss_is_zero_for_logits_of_zero_and_grows_with_them() -> None:
    kinds = torch.tensor([TokenKind.TEXT, TokenKind.PADDING])
    logits = torch.stack([torch.zeros(13), torch.full((13,), 5.0)])
    assert float(compute_z_loss([make_routing(logits.sigmoid())], kinds)) == pytest.approx(0.0, abs=1e-8)
    assert float(compute_z_loss([make_routing(logits.flip(0).sigmoid())], kinds)) == pytest.approx(25.0, rel=1e-3)


@pytest.mark.parametrize("mean", [-0.5, 3.5])
def test_expert_balance_with_an_impossible_target_raises_invalid_input(mean: float) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 3"):
        ExpertBalance(make_model(), BalanceConfig(mean_experts_per_tok=mean))
