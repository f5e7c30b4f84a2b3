"""The selection bias balances the use of experts and steers the number of real ones."""

from __future__ import annotations

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
        balance.count(route(model, step), kinds, "captions")
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
    balance.count([routing] * len(biases), torch.tensor([TokenKind.TEXT] * 3 + [TokenKind.PADDING]), "captions")
    balance.update()
    for bias, old in zip(biases, before, strict=True):
        change = bias - old - (bias - old)[:10].mean()
        assert (change[:3] < 0).all()
        assert (change[3:10] > 0).all()
        assert torch.allclose(change[7:10], change[3].expand(3))
        assert (bias - old)[10:].allclose(torch.tensor(FAST.null_rate))  # 3 real experts a token exceed 2
        assert abs(float(bias[:10].mean())) < 1e-6


def use_one(model: LanguageModel, expert: int) -> list[Routing]:
    """Ten tokens that select one real expert and two null experts."""
    routing = Routing(torch.full((10, 13), 0.5), torch.tensor([[expert, 10, 11]] * 10), torch.full((10, 3), 1 / 3))
    return [routing] * model.config.num_moe_layers


def test_expert_balance_lowers_an_expert_that_one_task_overuses() -> None:
    """An expert of 5 times the mean is lowered, however few tasks use it."""
    model, kinds = make_model(), torch.full((10,), TokenKind.TEXT)
    balance = ExpertBalance(model, FAST)
    biases = [value for name, value in model.named_buffers() if name.endswith("bias")]
    before = [bias.clone() for bias in biases]
    balance.count(use_one(model, 0), kinds, "captions")
    balance.count(use_one(model, 1), kinds, "images")
    balance.update()
    for bias, old in zip(biases, before, strict=True):
        change = bias - old
        assert change[0] < change[2]
        assert change[1] < change[2]
        assert change[2:10].allclose(change[2])


def test_expert_balance_remembers_the_use_of_a_task_and_its_state_is_restored() -> None:
    model, kinds = make_model(), torch.full((10,), TokenKind.TEXT)
    first, second = ExpertBalance(model, FAST), ExpertBalance(model, FAST)
    biases = [value for name, value in model.named_buffers() if name.endswith("bias")]
    first.count(use_one(model, 0), kinds, "captions")
    first.update()
    second.restore(first.state())
    before = [bias.clone() for bias in biases]
    changes = []
    for balance in (first, second):
        for bias, old in zip(biases, before, strict=True):
            bias.copy_(old)
        balance.count(use_one(model, 1), kinds, "images")
        balance.update()
        changes.append(biases[0] - before[0])
    assert changes[0].equal(changes[1])
    assert changes[0][0] < changes[0][2]  # not used in this step


def make_routing(scores_TE: torch.Tensor) -> Routing:
    """The three experts of largest score."""
    return Routing(scores_TE, scores_TE.topk(3, dim=1).indices, torch.ones(len(scores_TE), 3) / 3)


def prefer(experts: list[int]) -> torch.Tensor:
    """Scores (13,) that are high for these experts."""
    scores = torch.full((13,), 0.01)
    scores[experts] = 0.99
    return scores


def test_unevenness_is_zero_for_even_use_and_ignores_padding() -> None:
    """Use of 9 experts by 3 tokens of a kind is even; a token alone uses 3."""
    even, biases = torch.stack([prefer([0, 1, 2]), prefer([3, 4, 5]), prefer([6, 7, 8])]), [torch.zeros(13)]
    kinds = torch.full((3,), TokenKind.MEDIA)
    assert float(compute_unevenness([make_routing(even)], biases, kinds, 9)) == pytest.approx(0.0, abs=1e-5)
    one = torch.tensor([TokenKind.MEDIA, TokenKind.PADDING, TokenKind.PADDING])
    assert float(compute_unevenness([make_routing(even)], biases, one, 9)) == pytest.approx(2.0, abs=1e-5)


def test_unevenness_is_that_of_each_kind_of_token() -> None:
    scores = torch.stack([prefer([0, 1, 2]), prefer([3, 4, 5])])
    text, both = torch.full((2,), TokenKind.TEXT), torch.tensor([TokenKind.TEXT, TokenKind.PROMPT])
    assert float(compute_unevenness([make_routing(scores)], [torch.zeros(13)], text, 6)) == pytest.approx(0.0, abs=1e-5)
    assert float(compute_unevenness([make_routing(scores)], [torch.zeros(13)], both, 6)) == pytest.approx(1.0, abs=1e-5)


def test_unevenness_as_a_loss_evens_the_use_and_keeps_scores_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(300, 16, generator=generator)
    router = (0.1 * torch.randn(13, 16, generator=generator)).requires_grad_(True)
    kinds, optimizer = torch.full((300,), TokenKind.TEXT), torch.optim.Adam([router], lr=0.01)
    biases = [torch.zeros(13)]
    biases[0][0] = 0.1
    before = measure_use([make_routing((tokens @ router.T).sigmoid() + biases[0])])[0]
    for _ in range(60):
        optimizer.zero_grad()
        scores = (tokens @ router.T).sigmoid()
        routing = Routing(scores, (scores.detach() + biases[0]).topk(3, dim=1).indices, scores[:, :3])
        compute_unevenness([routing], biases, kinds, 10).backward()
        optimizer.step()
    scores = (tokens @ router.detach().T).sigmoid()
    after = measure_use([Routing(scores, (scores + biases[0]).topk(3, dim=1).indices, scores[:, :3])])[0]
    assert after < 0.3 < before
    assert float(scores.std()) > 0.05


def test_z_loss_is_zero_for_logits_of_zero_and_grows_with_them() -> None:
    kinds = torch.tensor([TokenKind.TEXT, TokenKind.PADDING])
    logits = torch.stack([torch.zeros(13), torch.full((13,), 5.0)])
    assert float(compute_z_loss([make_routing(logits.sigmoid())], kinds)) == pytest.approx(0.0, abs=1e-8)
    assert float(compute_z_loss([make_routing(logits.flip(0).sigmoid())], kinds)) == pytest.approx(25.0, rel=1e-3)


@pytest.mark.parametrize("mean", [-0.5, 3.5])
def test_expert_balance_with_an_impossible_target_raises_invalid_input(mean: float) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 3"):
        ExpertBalance(make_model(), BalanceConfig(mean_experts_per_tok=mean))
