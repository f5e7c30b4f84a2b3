"""Routed experts in training, which can compute with matrices rounded to 4 bits.

Quantization-aware training: the forward pass rounds, and gradients pass to the float32 weights as
if it did not (straight-through, Bengio et al. 2013, arXiv:1308.3432).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mm.models.language.checkpoint.fake_quantization import fake_quantize
from mm.models.language.checkpoint.rounding import BlockFormat
from mm.models.language.checkpoint.weight_precisions import EXPERT_BITS
from mm.models.language.moe_torch import Experts


class TrainedExperts(Experts):
    """Experts that round their matrices, and decode with a copy of the result."""

    is_quantized: bool
    _copy: tuple[Tensor, Tensor] | None
    _uses_copy: bool

    @classmethod
    def from_experts(cls, experts: Experts) -> TrainedExperts:
        """Take over the weights of experts."""
        trained = cls.__new__(cls)
        nn.Module.__init__(trained)
        trained.gate_up_proj, trained.down_proj = experts.gate_up_proj, experts.down_proj
        trained.is_quantized, trained._copy, trained._uses_copy = False, None, False
        return trained

    def matrices(self) -> tuple[Tensor, Tensor]:
        """See `Experts.matrices`."""
        return self._copy if self._uses_copy and self._copy is not None else self._round()

    @torch.no_grad()
    def use_copy(self, dtype: torch.dtype) -> None:
        """Compute with a copy of the matrices as they are now.

        It is in the same memory each time, because steps recorded as a CUDA graph read from there.
        """
        rounded = self._round()
        if self._copy is None:
            self._copy = rounded[0].to(dtype, copy=True), rounded[1].to(dtype, copy=True)
        else:
            for target, source in zip(self._copy, rounded, strict=True):
                target.copy_(source)
        self._uses_copy = True

    def use_weights(self) -> None:
        """Compute with the weights again; the memory of the copy is kept."""
        self._uses_copy = False

    def _round(self) -> tuple[Tensor, Tensor]:
        if not self.is_quantized:
            return self.gate_up_proj, self.down_proj
        return _round(self.gate_up_proj), _round(self.down_proj)


def _round(weight: Tensor) -> Tensor:
    return fake_quantize(weight, BlockFormat.choose(EXPERT_BITS, weight.shape[-2], weight.shape[-1]))
