"""Reference implementation of the fused kernels in torch.

Shape: T tokens, W hidden size, H query heads, G key-value heads, D width of a head, I width of a
feed-forward network, P positions, S slots of the key-value cache.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def add_rms_norm(x_TW: torch.Tensor, delta_TW: torch.Tensor | None, weight_W: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Add `delta_TW` to the float32 residual stream in place; return its RMSNorm (T, W).

    The result has the type of the weight. RMSNorm: Zhang and Sennrich 2019, arXiv:1910.07467.
    """
    if delta_TW is not None:
        x_TW += delta_TW
    return functional.rms_norm(x_TW, x_TW.shape[-1:], weight_W.float(), epsilon).to(weight_W.dtype)


def rotate_and_store(
    qkv_TN: torch.Tensor,
    positions_T: torch.Tensor,
    slots_T: torch.Tensor,
    cos_PD: torch.Tensor,
    sin_PD: torch.Tensor,
    keys_SGD: torch.Tensor,
    values_SGD: torch.Tensor,
) -> torch.Tensor:
    """Rotate queries and keys, write keys and values to the cache, return the queries (T, H, D).

    A row of `qkv_TN` has the queries of all heads, then keys, then values. `cos_PD` and `sin_PD`
    have the D / 2 angles of each position. Tokens with a negative slot are not stored. Rotary
    embedding: Su et al. 2021, arXiv:2104.09864.
    """
    num_kv_heads, width = keys_SGD.shape[1:]
    heads_TND = qkv_TN.unflatten(1, (-1, width))
    rotated, values = heads_TND[:, :-num_kv_heads].float(), heads_TND[:, -num_kv_heads:]
    cos, sin = cos_PD[positions_T.long(), None], sin_PD[positions_T.long(), None]
    first, second = rotated.chunk(2, dim=-1)
    rotated = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(qkv_TN.dtype)
    is_stored = slots_T >= 0
    slots = slots_T[is_stored].long()
    keys_SGD[slots] = rotated[is_stored, -num_kv_heads:].to(keys_SGD.dtype)
    values_SGD[slots] = values[is_stored].to(values_SGD.dtype)
    return rotated[:, :-num_kv_heads].contiguous()


def silu_and_multiply(gate_up_TN: torch.Tensor) -> torch.Tensor:
    """SiLU of the first half of each row times the second half (T, I): SwiGLU, arXiv:2002.05202."""
    gate, up = gate_up_TN.float().chunk(2, dim=-1)
    return (functional.silu(gate) * up).to(gate_up_TN.dtype)
