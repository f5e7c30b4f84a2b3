"""The losses of alignment.

Names of tensors end in their axes: N images of the batch over all processes, M all images with T
captions each, S = M T, D dimensions of the space, K classes.
"""

from __future__ import annotations

import math

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional

_MAX_SCALE = 100.0


class ContrastiveLoss(nn.Module):
    """Contrastive loss of images and captions with a learned scale (CLIP, Radford et al. 2021,
    arXiv:2103.00020)."""

    def __init__(self, scale: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def caption_to_image(self, captions_ND: Tensor, images_ND: Tensor) -> Tensor:
        """Mean cross-entropy of captions against the images of the batch."""
        logits_NN = self.scale() * captions_ND @ images_ND.T
        return functional.cross_entropy(logits_NN, torch.arange(len(logits_NN), device=logits_NN.device))

    def image_to_captions(
        self, images_ND: Tensor, captions_MTD: Tensor, first_N: Tensor, second_N: Tensor, share_N: Tensor
    ) -> Tensor:
        """Negative log-likelihood (N,) of an image's own captions among all captions of M images.

        Its own are those of row `first_N` with weight `share_N`, and of row `second_N` with the
        rest, because mixup blends two images.
        """
        count_M, count_T, _ = captions_MTD.shape
        logits_NS = self.scale() * images_ND @ captions_MTD.flatten(0, 1).T
        own_NM = logits_NS.view(-1, count_M, count_T).logsumexp(2)
        own_N2 = own_NM.gather(1, torch.stack([second_N, first_N], 1))
        return own_NM.logsumexp(1) - torch.lerp(own_N2[:, 0], own_N2[:, 1], share_N)

    def scale(self) -> Tensor:
        """The factor of the cosines, at most 100."""
        return self.log_scale.exp().clamp_max(_MAX_SCALE)


def kl_divergence(logits_NK: Tensor, teacher_NK: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence from the teacher's distribution to the model's.

    On class logits this is learning without forgetting (Li & Hoiem 2016, arXiv:1606.09282).
    """
    return functional.kl_div(logits_NK.log_softmax(1), teacher_NK.log_softmax(1), reduction="batchmean", log_target=True)


def gather_rows(rows_ND: Tensor) -> Tensor:
    """Concatenate the rows of all processes in rank order, with gradients."""
    if not torch.distributed.is_initialized():
        return rows_ND
    from torch.distributed.nn.functional import all_gather

    # Named, because the default argument is the group at the time of the import.
    return torch.cat(all_gather(rows_ND.contiguous(), torch.distributed.group.WORLD))  # type: ignore[no-untyped-call]
