"""Matrices in 8 bits with a scale for each row."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Int8Matrix:
    """A matrix (N, K)."""

    codes_NK: torch.Tensor
    """int8, from -127."""
    scales_N: torch.Tensor
    """float32."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.codes_NK.shape[0], self.codes_NK.shape[1]


def quantize(weight_NK: torch.Tensor) -> Int8Matrix:
    """The nearest codes for the largest absolute value of each row."""
    scales = (weight_NK.float().abs().amax(1) / 127).clamp(min=1e-12)
    return Int8Matrix((weight_NK.float() / scales[:, None]).round().to(torch.int8).contiguous(), scales)


def dequantize(matrix: Int8Matrix, dtype: torch.dtype) -> torch.Tensor:
    """The values (N, K)."""
    return (matrix.codes_NK.float() * matrix.scales_N[:, None]).to(dtype)
