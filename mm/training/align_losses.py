"""What alignment minimises. Names of tensors end in their axes: N pictures of all processes, D dimensions, K classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional

_MAX_SCALE = 100.0


class Contrast(nn.Module):
    """Symmetric in-batch contrast with a learnt scale (CLIP, Radford et al. 2021, arXiv:2103.00020).

    Captions of two pictures that say nearly the same, by a cosine above `tolerance`, do not count as each other's negatives.
    """

    def __init__(self, tolerance: float = 1.0, scale: float = 20.0) -> None:
        super().__init__()
        self.tolerance = tolerance
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, pictures_ND: Tensor, captions_ND: Tensor) -> Tensor:
        """Mean cross-entropy of pictures against captions and captions against pictures."""
        logits_NN = self._logits(pictures_ND, captions_ND)
        labels_N = torch.arange(len(logits_NN), device=logits_NN.device)
        return (functional.cross_entropy(logits_NN, labels_N) + functional.cross_entropy(logits_NN.T, labels_N)) / 2

    def pictures_of(self, captions_ND: Tensor, pictures_ND: Tensor) -> Tensor:
        """Mean cross-entropy of captions against pictures alone."""
        logits_NN = self._logits(pictures_ND, captions_ND).T
        return functional.cross_entropy(logits_NN, torch.arange(len(logits_NN), device=logits_NN.device))

    def among(self, pictures_ND: Tensor, captions_SD: Tensor, owns: Sequence[Tensor]) -> list[Tensor]:
        """Minus the logarithm (N,) of how likely a picture takes one of its own captions, among S, for each (N, T) of `owns`."""
        logits_NS = self.scale() * pictures_ND @ captions_SD.T
        all_N = logits_NS.logsumexp(1)
        return [all_N - logits_NS.gather(1, own_NT).logsumexp(1) for own_NT in owns]

    def _logits(self, pictures_ND: Tensor, captions_ND: Tensor) -> Tensor:
        logits_NN = self.scale() * pictures_ND @ captions_ND.T
        if self.tolerance < 1:
            alike_NN = captions_ND @ captions_ND.T > self.tolerance
            logits_NN = logits_NN.masked_fill(alike_NN.fill_diagonal_(False), -torch.inf)
        return logits_NN

    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp_max(_MAX_SCALE)


def divergence(logits_NK: Tensor, teacher_NK: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of the teacher's distribution from ours.

    On class logits it is learning without forgetting (Li & Hoiem 2016, arXiv:1606.09282).
    """
    return functional.kl_div(logits_NK.log_softmax(1), teacher_NK.log_softmax(1), reduction="batchmean", log_target=True)


def ranking_divergence(pictures_ND: Tensor, teacher_ND: Tensor, captions_SD: Tensor, scale: float) -> Tensor:
    """Divergence of the teacher's rankings from ours: of captions for each picture, and of pictures for each caption."""
    ours_NS, theirs_NS = (scale * vectors_ND @ captions_SD.T for vectors_ND in (pictures_ND, teacher_ND))
    return divergence(ours_NS, theirs_NS) + divergence(ours_NS.T, theirs_NS.T)


def gathered(rows_ND: Tensor) -> Tensor:
    """Rows of all processes, in their order, with gradients; the same rows when there is one process."""
    if not torch.distributed.is_initialized():
        return rows_ND
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(rows_ND.contiguous()))  # type: ignore[no-untyped-call]
