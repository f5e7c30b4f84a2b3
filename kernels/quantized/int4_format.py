"""Matrices in 4 bits: blocks of 32 columns, each with a scale and a minimum.

A value is `code * scale + minimum`, codes from 0 to 15, as in GGML's `Q4_1`: 5 bits a value with
scales in half precision. The kernel reads a block as four words of 32 bits: bits `4 i` to `4 i + 3`
of word w have column `4 i + w`, so that a thread reads a block in one load of 16 bytes, and each of
its eight groups of four codes meets four consecutive elements of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

BLOCK = 32


@dataclass(frozen=True, slots=True)
class Int4Matrix:
    """A matrix (N, K)."""

    words_NBW: torch.Tensor
    """(N, K / 32, 4), int32."""
    scales_NB: torch.Tensor
    minima_NB: torch.Tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.words_NBW.shape[0], self.words_NBW.shape[1] * BLOCK

    @property
    def num_bytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in (self.words_NBW, self.scales_NB, self.minima_NB))


def pack(codes_NK: torch.Tensor, scales_NB: torch.Tensor, minima_NB: torch.Tensor) -> Int4Matrix:
    """A matrix from its codes (uint8, 0 to 15), scales and minima. K must be a multiple of 32.

    Raises `ValueError` for other shapes.
    """
    rows, columns = codes_NK.shape
    if columns % BLOCK or scales_NB.shape != (rows, columns // BLOCK) or minima_NB.shape != scales_NB.shape:
        raise ValueError(f"Codes {tuple(codes_NK.shape)} do not fit scales {tuple(scales_NB.shape)} of blocks of {BLOCK}.")
    groups = codes_NK.view(rows, columns // BLOCK, 8, 4).long()
    shifts = 4 * torch.arange(8, device=codes_NK.device)[:, None]
    words = (groups << shifts).sum(2)
    words = torch.where(words >= 2**31, words - 2**32, words).int()
    return Int4Matrix(words.contiguous(), scales_NB.contiguous(), minima_NB.contiguous())


def quantize(weight_NK: torch.Tensor, dtype: torch.dtype) -> Int4Matrix:
    """The nearest codes for the range of each block; scales and minima in `dtype`."""
    rows, columns = weight_NK.shape
    blocks = weight_NK.float().view(rows, -1, BLOCK)
    minima = blocks.amin(2).to(dtype)
    scales = ((blocks.amax(2) - minima.float()) / 15).clamp(min=1e-7).to(dtype)
    codes = ((blocks - minima.float()[..., None]) / scales.float()[..., None]).round().clamp(0, 15)
    return pack(codes.view(rows, columns).to(torch.uint8), scales, minima)


def dequantize(matrix: Int4Matrix, dtype: torch.dtype) -> torch.Tensor:
    """The values (N, K)."""
    shifts = 4 * torch.arange(8, device=matrix.words_NBW.device, dtype=torch.int32)[:, None]
    codes = (matrix.words_NBW[:, :, None] >> shifts) & 15
    values = codes.float() * matrix.scales_NB[..., None, None].float() + matrix.minima_NB[..., None, None].float()
    return values.to(dtype).view(matrix.shape)
