"""The selection bias of one layer, fitted on random scores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mm.errors import InvalidInput
from mm.training.language.experts.bias_fit import BiasFit, BiasFitConfig

NUM_EXPERTS, NUM_NULL, NUM_SELECTED = 8, 2, 3
CONFIG = BiasFitConfig(steps=60, first_rate=5e-2, last_rate=1e-3, sweeps=3, num_shifts=5, first_shift=2e-2, last_shift=1e-3)


def draw_scores(seed: int, num_tokens: int = 600) -> torch.Tensor:
    """Sigmoid scores, of which those of some experts are higher; each token occurs twice."""
    draw = torch.Generator().manual_seed(seed)
    level = torch.linspace(-1, 1, NUM_EXPERTS + NUM_NULL)
    return torch.sigmoid(level + torch.randn(num_tokens // 2, NUM_EXPERTS + NUM_NULL, generator=draw)).repeat(2, 1)


def make_fit(seed: int = 0) -> BiasFit:
    scores = draw_scores(seed)
    return BiasFit(scores, torch.arange(len(scores)) % 3 == 0, NUM_EXPERTS, NUM_SELECTED)


def test_fit_evens_the_use_of_experts_and_meets_their_mean_number() -> None:
    fit, bias = make_fit(), torch.zeros(NUM_EXPERTS + NUM_NULL)
    before, after = fit.measure(bias), fit.measure(fit.fit(bias, CONFIG))
    assert after.cv < 0.2 * before.cv
    assert after.text_cv < 0.5 * before.text_cv
    assert after.experts_per_tok == pytest.approx(CONFIG.mean_experts_per_tok, abs=0.03)
    assert not bias.any(), "the given bias stays as it is"


def test_fit_with_the_same_seed_repeats_and_its_search_never_raises_the_cost() -> None:
    fit, bias = make_fit(1), torch.zeros(NUM_EXPERTS + NUM_NULL)
    first = fit.fit(bias, CONFIG)
    torch.testing.assert_close(fit.fit(bias, CONFIG), first, rtol=0, atol=0)
    by_rule = fit.fit(bias, replace(CONFIG, sweeps=0))
    assert fit.measure(first).cv <= fit.measure(by_rule).cv + 1e-6


def test_changed_loads_of_one_expert_equal_counting_again() -> None:
    fit, bias = make_fit(2), 0.05 * torch.randn(NUM_EXPERTS + NUM_NULL, generator=torch.Generator().manual_seed(0))
    candidates = fit._find_candidates(bias)
    shifts = torch.tensor([0.0, 0.02, -0.3, 0.4])
    changes = fit._count_changes(bias, 5, shifts, *candidates)
    for shift, change in zip(shifts, changes, strict=True):
        shifted = bias.clone()
        shifted[5] += shift
        expected = fit._count(shifted, *fit._find_candidates(shifted)) - fit._count(bias, *candidates)
        torch.testing.assert_close(change, expected)


def test_bias_fit_without_captions_or_steps_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no captions"):
        BiasFit(draw_scores(0), torch.zeros(600, dtype=torch.bool), NUM_EXPERTS, NUM_SELECTED)
    for values in ({"steps": 0}, {"text_share": 2.0}):
        with pytest.raises(InvalidInput):
            BiasFitConfig(**values)  # type: ignore[arg-type]
