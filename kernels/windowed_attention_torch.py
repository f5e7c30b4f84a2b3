"""The plain twin of `windowed_attention`: softmax attention (Vaswani et al. 2017) over the whole
score matrix, masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from kernels.windows import Windows


def windowed_attention(q_BHLD: torch.Tensor, k_BHLD: torch.Tensor, v_BHLD: torch.Tensor, windows: Windows) -> torch.Tensor:
    """(B, H, L, D) attention of each token over those that `windows` lets it see; zero for
    padding."""
    allowed = windows.allowed()[:, None]
    scores = (q_BHLD @ k_BHLD.mT) * q_BHLD.shape[-1] ** -0.5
    weights = scores.float().masked_fill(~allowed, -torch.inf).softmax(dim=-1)
    weights = weights.masked_fill(~allowed.any(dim=-1, keepdim=True), 0.0)
    return weights.to(v_BHLD.dtype) @ v_BHLD
