"""What alignment minimises.

Names of tensors end in their axes: N pictures of the batch over all processes, M all pictures with
T captions each, S = M T, D dimensions of the space, K classes.
"""

from __future__ import annotations

import math

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional

_MAX_SCALE = 100.0


class Contrast(nn.Module):
    """Contrast of pictures and captions with a learnt scale (CLIP, Radford et al. 2021,
    arXiv:2103.00020)."""

    def __init__(self, scale: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def pictures_of(self, captions_ND: Tensor, pictures_ND: Tensor) -> Tensor:
        """Mean cross-entropy of captions against the pictures of the batch."""
        logits_NN = self.scale() * captions_ND @ pictures_ND.T
        return functional.cross_entropy(logits_NN, torch.arange(len(logits_NN), device=logits_NN.device))

    def among(self, pictures_ND: Tensor, captions_MTD: Tensor, first_N: Tensor, second_N: Tensor, share_N: Tensor) -> Tensor:
        """Minus the logarithm (N,) of how likely a picture takes a caption of its own among all
        captions of M pictures.

        Its own are those of row `first_N`, and of row `second_N` for the rest of `share_N`: a
        picture may be blended of two.
        """
        count_M, count_T, _ = captions_MTD.shape
        logits_NS = self.scale() * pictures_ND @ captions_MTD.flatten(0, 1).T
        own_NM = logits_NS.view(-1, count_M, count_T).logsumexp(2)
        own_N2 = own_NM.gather(1, torch.stack([second_N, first_N], 1))
        return own_NM.logsumexp(1) - torch.lerp(own_N2[:, 0], own_N2[:, 1], share_N)

    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp_max(_MAX_SCALE)


def divergence(logits_NK: Tensor, teacher_NK: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of the teacher's distribution from ours.

    On class logits it is learning without forgetting (Li & Hoiem 2016, arXiv:1606.09282).
    """
    return functional.kl_div(logits_NK.log_softmax(1), teacher_NK.log_softmax(1), reduction="batchmean", log_target=True)


def gathered(rows_ND: Tensor) -> Tensor:
    """Rows of all processes, in their order, with gradients; the same rows when there is one
    process."""
    if not torch.distributed.is_initialized():
        return rows_ND
    from torch.distributed.nn.functional import all_gather

    # Named, because the default is the group that was there when the module was imported.
    return torch.cat(all_gather(rows_ND.contiguous(), torch.distributed.group.WORLD))  # type: ignore[no-untyped-call]
