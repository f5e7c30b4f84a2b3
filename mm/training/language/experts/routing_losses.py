"""Small terms of the loss that keep the router even and its logits small.

Names of tensors end in their axes: L layers, T tokens, K selected experts, C kinds of tokens, E
experts.
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
    # All layers at once: a training step waits for the launches of its kernels, not for their work.
    scores_LTE = torch.stack([routing.scores_TE for routing in routings])
    indices_LTK = torch.stack([routing.indices_TK for routing in routings])
    biased_LTE = scores_LTE + torch.stack(list(biases))[:, None]
    selected_LTE = torch.zeros_like(scores_LTE).scatter_(2, indices_LTK, 1.0)[:, :, :num_experts]
    used_LCE = is_kind_CT @ selected_LTE.to(is_kind_CT)
    total_LC1 = used_LCE.sum(2, keepdim=True)
    softmax_LTE = (biased_LTE[:, :, :num_experts] / TEMPERATURE).softmax(2)
    mean_LCE = is_kind_CT @ softmax_LTE / counts_C1.clamp(min=1)
    uneven_LC = (used_LCE * num_experts / total_LC1.clamp(min=1) * mean_LCE).sum(2) - (total_LC1[:, :, 0] > 0).float()
    is_present_C = (counts_C1[:, 0] > 0).float()
    return (uneven_LC * is_present_C).sum(1).mean() / is_present_C.sum()


def compute_z_loss(routings: Sequence[Routing], kinds_T: Tensor) -> Tensor:
    """Mean square of the log of the mean exponential of router logits, 0 for logits of 0.

    The router z-loss (Zoph et al. 2022, arXiv:2202.08906), less the constant log of their number.
    """
    is_token_T = (kinds_T >= 0).float()
    scores_LTE = torch.stack([routing.scores_TE for routing in routings])
    logits_LTE = torch.logit(scores_LTE.clamp(1 - _MAX_SCORE, _MAX_SCORE))
    size_LT = logits_LTE.logsumexp(2) - math.log(logits_LTE.shape[2])
    return (size_LT.square() * is_token_T).sum(1).mean() / is_token_T.sum()
