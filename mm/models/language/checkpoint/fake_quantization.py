"""Quantization-aware training: weights as they are after rounding, with straight-through gradients.

The gradient of a rounded weight is passed to the weight itself (Bengio et al. 2013,
arXiv:1308.3432; Jacob et al. 2018, arXiv:1712.05877). Values are those of `rounding`, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mm.models.language.checkpoint.rounding import MAX_CODE, Bits, BlockFormat
from mm.models.language.checkpoint.weight_precisions import EXPERT_BITS, PREFIX_BITS, PREFIX_MATRICES
from mm.models.language.media_prefix.network_torch import MediaPrefixNetwork
from mm.models.language.moe_torch import MoE
from mm.models.language.network_torch import LanguageModel


def fake_quantize(weight: Tensor, block_format: BlockFormat) -> Tensor:
    """`round_matrix(weight).dequantize()` in float32; the gradient is that of the identity."""
    rounded: Tensor = _Rounding.apply(weight, block_format)  # type: ignore[no-untyped-call]
    return rounded


def add_fake_quantization(model: LanguageModel, prefix: MediaPrefixNetwork | None = None) -> None:
    """From now on, compute with experts, routers and the media prefix as a file would store them.

    The parameters that an optimizer has stay the same. `torch.nn.utils.parametrize.cached()` saves
    repeated rounding within a step. Names in a `state_dict` change; `remove_fake_quantization`
    restores them. Raises `InvalidInput` for matrices that are not whole blocks.
    """
    for module in model.modules():
        if isinstance(module, MoE):
            for name in ("gate_up_proj", "down_proj"):
                _register(module.experts, name, EXPERT_BITS)
            parametrize.register_parametrization(module.gate, "weight", _HalfPrecision())
    if prefix is not None:
        for name in PREFIX_MATRICES:
            module_name, _, parameter = name.rpartition(".")
            _register(prefix.get_submodule(module_name), parameter, PREFIX_BITS)


def remove_fake_quantization(model: LanguageModel, prefix: MediaPrefixNetwork | None = None) -> None:
    """Compute with the unrounded parameters again. Without fake quantization nothing changes."""
    for root in (model, prefix):
        for module in [] if root is None else list(root.modules()):
            if parametrize.is_parametrized(module):
                for name in list(module.parametrizations):  # type: ignore[arg-type]
                    parametrize.remove_parametrizations(module, name, leave_parametrized=False)


def _register(module: nn.Module, name: str, bits: Bits) -> None:
    num_rows, num_columns = getattr(module, name).shape[-2:]
    parametrize.register_parametrization(module, name, _Rounded(BlockFormat.choose(bits, num_rows, num_columns)))


class _Rounded(nn.Module):
    def __init__(self, block_format: BlockFormat) -> None:
        super().__init__()
        self._format = block_format

    def forward(self, weight: Tensor) -> Tensor:
        return fake_quantize(weight, self._format)


class _HalfPrecision(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.half().to(weight.dtype)


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
