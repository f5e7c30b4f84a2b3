"""Reference implementation of `windowed_attention`: masked softmax attention.

Vaswani et al. 2017 (arXiv:1706.03762), over the whole score matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from kernels.windows import Windows


def windowed_attention(q_BHLD: torch.Tensor, k_BHLD: torch.Tensor, v_BHLD: torch.Tensor, windows: Windows) -> torch.Tensor:
    """Attention (B, H, L, D) over window and global tokens; zero for padding."""
    mask = windows.attention_mask()[:, None]
    scores = (q_BHLD @ k_BHLD.mT) * q_BHLD.shape[-1] ** -0.5
    weights = scores.float().masked_fill(~mask, -torch.inf).softmax(dim=-1)
    weights = weights.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)
    return weights.to(v_BHLD.dtype) @ v_BHLD
