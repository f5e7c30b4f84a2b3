"""How evenly a model in training uses its experts, by kind of token.

Names of tensors end in their axes: T tokens, K selected experts, C kinds of tokens, L layers, E
real experts, then null experts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mm.metrics.language.expert_use import coefficient_of_variation, max_violation
from mm.models.language.moe_torch import Routing
from mm.training.language.experts.balance import NUM_KINDS, TokenKind

_NAMES = {TokenKind.PROMPT: "prompt", TokenKind.MEDIA: "media", TokenKind.TEXT: "text"}


def count_loads(routings: Sequence[Routing], kinds_T: Tensor) -> Tensor:
    """Assignments (C, L, E) of the tokens of each kind."""
    is_kind_CT = (kinds_T == torch.arange(NUM_KINDS, device=kinds_T.device)[:, None]).double()
    return torch.stack(
        [is_kind_CT @ torch.zeros_like(routing.scores_TE).scatter_(1, routing.indices_TK, 1.0).double() for routing in routings],
        1,
    )


def describe_loads(loads_CLE: Tensor, num_experts: int, num_experts_per_tok: int) -> dict[str, float]:
    """CV and MaxVio, of the mean and the worst layer, and real experts of a token.

    Definitions as in `mm.metrics.language.expert_use`.
    """
    numbers: dict[str, float] = {}
    of_kinds = {"all": loads_CLE.sum(0), **{name: loads_CLE[kind] for kind, name in _NAMES.items()}}
    for name, loads_LE in of_kinds.items():
        real_LE = loads_LE[:, :num_experts].cpu().numpy()
        tokens_L = loads_LE.sum(1).cpu().numpy() / num_experts_per_tok
        if not tokens_L.all():
            continue
        cv_L, violation_L = coefficient_of_variation(real_LE), max_violation(real_LE)
        numbers |= {
            f"{name} tokens: CV, mean layer": float(cv_L.mean()),
            f"{name} tokens: CV, worst layer": float(cv_L.max()),
            f"{name} tokens: MaxVio, worst layer": float(violation_L.max()),
            f"{name} tokens: experts per token": float(np.mean(real_LE.sum(1) / tokens_L)),
            f"{name} tokens: assignments per layer": float(real_LE.sum(1).mean()),
        }
    return numbers
