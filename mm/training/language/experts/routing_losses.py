"""Small terms of the loss that keep the router even and its logits small.

Names of tensors end in their axes: T tokens, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mm.models.language.moe_torch import Routing
from mm.training.language.experts.balance import NUM_KINDS

TEMPERATURE = 0.05
"""Of the softmax over scores that stands for the selection, which has no gradient."""
_MAX_SCORE = 1 - 1e-6


def compute_unevenness(routings: Sequence[Routing], biases: Sequence[Tensor], kinds_T: Tensor, num_experts: int) -> Tensor:
    """How far the use of real experts is from even, in nats; mean over layers and kinds of tokens.

    The selection of a token is replaced by a softmax over score plus bias. The value is the
    logarithm of the number of experts minus the entropy of the mean selection, 0 when it is even.
    The bias alone evens the use over all tokens, not within a kind, where the router must change.
    """
    is_kind_CT = (kinds_T == torch.arange(NUM_KINDS, device=kinds_T.device)[:, None]).float()
    counts_C = is_kind_CT.sum(1, keepdim=True)
    is_present_C = (counts_C[:, 0] > 0).float()
    values = []
    for routing, bias in zip(routings, biases, strict=True):
        selection_TE = ((routing.scores_TE[:, :num_experts] + bias[:num_experts]) / TEMPERATURE).softmax(1)
        mean_CE = is_kind_CT @ selection_TE / counts_C.clamp(min=1)
        entropy_C = -(mean_CE * (mean_CE + 1e-9).log()).sum(1)
        values.append(((math.log(num_experts) - entropy_C) * is_present_C).sum() / is_present_C.sum())
    return torch.stack(values).mean()


def compute_z_loss(routings: Sequence[Routing], kinds_T: Tensor) -> Tensor:
    """Mean square of the log of the mean exponential of router logits, 0 for logits of 0.

    The router z-loss (Zoph et al. 2022, arXiv:2202.08906), less the constant log of their number.
    """
    is_token_T = (kinds_T >= 0).float()
    values = []
    for routing in routings:
        logits_TE = torch.logit(routing.scores_TE.clamp(1 - _MAX_SCORE, _MAX_SCORE))
        size_T = logits_TE.logsumexp(1) - math.log(logits_TE.shape[1])
        values.append((size_T.square() * is_token_T).sum() / is_token_T.sum())
    return torch.stack(values).mean()
