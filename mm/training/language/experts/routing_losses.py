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
    """How uneven the use of real experts is within each kind of tokens; mean over layers and kinds.

    For a kind it is the sum over experts of the share of assignments, times the number of experts,
    times the mean of a softmax over score plus bias, less 1: the auxiliary loss of Fedus et al.
    2021 (arXiv:2101.03961), about the squared coefficient of variation. Shares have no gradient: it
    lowers the scores of experts that are used too much, and does nothing when use is even. (The
    entropy of the mean softmax would also be largest for scores that are all equal, and then the
    bias alone selects.) The bias evens the use over all tokens, not within a kind, where the router
    must change.
    """
    is_kind_CT = (kinds_T == torch.arange(NUM_KINDS, device=kinds_T.device)[:, None]).float()
    counts_C1 = is_kind_CT.sum(1, keepdim=True)
    is_present_C = (counts_C1[:, 0] > 0).float()
    values = []
    for routing, bias in zip(routings, biases, strict=True):
        selected_TE = torch.zeros_like(routing.scores_TE).scatter_(1, routing.indices_TK, 1.0)[:, :num_experts]
        used_CE = is_kind_CT @ selected_TE.detach().to(is_kind_CT)
        shares_CE = used_CE * num_experts / used_CE.sum(1, keepdim=True).clamp(min=1)
        softmax_TE = ((routing.scores_TE[:, :num_experts] + bias[:num_experts]) / TEMPERATURE).softmax(1)
        mean_CE = is_kind_CT @ softmax_TE / counts_C1.clamp(min=1)
        uneven_C = (shares_CE * mean_CE).sum(1) - (used_CE.sum(1) > 0).float()
        values.append((uneven_C * is_present_C).sum() / is_present_C.sum())
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
