"""The loss of the lesion network.

Names of tensors end in their axes: N images, H height, W width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SMOOTH = 50.0
"""Pixels added to both areas of the Dice loss, so that a few pixels do not dominate."""
MIN_VISIBLE = 0.0005
"""Share of the view above which a lesion counts as present."""


def segmentation_loss(logits_N1HW: Tensor, mask_N1HW: Tensor) -> Tensor:
    """Cross-entropy of the pixels plus the Dice loss of each image, both in float32.

    Dice: Milletari et al. 2016 (arXiv:1606.04797). For an image without a lesion only the
    cross-entropy counts, since its Dice loss has hardly any gradient.
    """
    logits, mask = logits_N1HW.float().flatten(1), mask_N1HW.float().flatten(1)
    entropy = functional.binary_cross_entropy_with_logits(logits, mask)
    probability = logits.sigmoid()
    overlap_N = 2 * (probability * mask).sum(1) + SMOOTH
    dice_N = 1 - overlap_N / (probability.sum(1) + mask.sum(1) + SMOOTH)
    has_lesion_N = (mask.sum(1) > 0).float()
    return entropy + (dice_N * has_lesion_N).sum() / has_lesion_N.sum().clamp_min(1)


def presence_loss(logits_N: Tensor, mask_N1HW: Tensor) -> Tensor:
    """Cross-entropy of whether a lesion is visible."""
    is_present_N = (mask_N1HW.float().mean((1, 2, 3)) > MIN_VISIBLE).float()
    return functional.binary_cross_entropy_with_logits(logits_N.float(), is_present_N)
