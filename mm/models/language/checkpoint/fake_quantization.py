"""Quantization-aware training: weights as they are after rounding, with straight-through gradients.

The gradient of a rounded weight is passed to the weight itself (Bengio et al. 2013,
arXiv:1308.3432; Jacob et al. 2018, arXiv:1712.05877). Values are those of `rounding`, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mm.models.language.checkpoint.rounding import MAX_CODE, BlockFormat


def fake_quantize(weight: Tensor, block_format: BlockFormat) -> Tensor:
    """`round_matrix(weight).dequantize()` in float32; the gradient is that of the identity."""
    rounded: Tensor = _Rounding.apply(weight, block_format)  # type: ignore[no-untyped-call]
    return rounded


class _Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, block_format: BlockFormat) -> Tensor:
        return _round(weight.float(), block_format)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _round(weight: Tensor, block_format: BlockFormat) -> Tensor:
    rows, columns, zero = block_format.rows, block_format.columns, float(block_format.zero_point)
    blocks = weight.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows))  # type: ignore[no-untyped-call]
    high, low = blocks.amax((-3, -1), keepdim=True), blocks.amin((-3, -1), keepdim=True)
    scales = torch.where(high >= -low, high, low) / -zero
    base = scales.abs().amax((-4, -2), keepdim=True) / MAX_CODE
    codes = (scales / torch.where(base > 0, base, 1.0)).round().clamp(-MAX_CODE, MAX_CODE)
    scales = (codes * base).half().float()
    values = (blocks / torch.where(scales == 0, 1.0, scales)).round().clamp(-zero, zero - 1)
    rounded: Tensor = (values * scales).reshape(weight.shape)
    return rounded
