"""The selection that the fit of routers counts: that of the router, with a gradient."""

from __future__ import annotations

import pytest
import torch

from mm.errors import InvalidInput
from mm.models.language.moe_torch import Router
from mm.models.language.network_torch import LanguageModel
from mm.training.language.experts.router_fit import RouterFit, RouterFitConfig, RouterSequence, select_softly
from tests.models.language.models import DENSE, MOE, random_weights


def test_select_softly_counts_the_selection_and_has_the_gradient_of_scores_near_its_boundary() -> None:
    torch.manual_seed(0)
    router = Router(MOE)
    router.e_score_correction_bias.normal_(std=0.1).requires_grad_(True)
    routing = router(torch.randn(50, MOE.hidden_size))
    selected = select_softly(routing, router.e_score_correction_bias, width=0.02)
    expected = torch.zeros_like(routing.scores_TE).scatter_(1, routing.indices_TK, 1.0)
    torch.testing.assert_close(selected.detach(), expected)
    selected[:, 0].sum().backward()
    gradient = router.e_score_correction_bias.grad
    assert gradient is not None
    assert gradient[0] > 0
    assert not gradient[1:].any()


def test_router_fit_without_experts_or_without_text_is_refused() -> None:
    flags = torch.zeros(4, dtype=torch.bool)
    sequence = RouterSequence(torch.zeros(4, MOE.hidden_size), flags, flags)
    for config, match in ((DENSE, "no routed experts"), (MOE, "no text")):
        model = LanguageModel.from_weights(config, random_weights(config)).requires_grad_(False)
        with pytest.raises(InvalidInput, match=match):
            RouterFit(model, [sequence], RouterFitConfig())
    with pytest.raises(InvalidInput, match="positive width"):
        RouterFitConfig(width=0)
