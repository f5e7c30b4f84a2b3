"""Matrices in 4 bits: blocks of 32 columns, each with a scale and a minimum of 8 bits.

A value is `code * scale + minimum`, codes from 0 to 15, as in GGML's `Q4_1`. Scales and minima are
integers times a factor of their row, like those of GGML's `Q4_K`, so that a value has 4.5 bits. The
kernel reads a block as four words of 32 bits: bits `4 i` to `4 i + 3` of word w have column
`4 i + w`, so that a thread reads a block in one load of 16 bytes, and each of its eight groups of
four codes meets four consecutive elements of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch

BLOCK = 32
MINIMUM_UNIT = 16
"""A minimum is its code times this and the factor of the row, a scale its code times the factor."""
_MAX_SCALE, _MAX_MINIMUM = 255, 127


@dataclass(frozen=True, slots=True)
class Int4Matrix:
    """A matrix (N, K)."""

    words_NBW: torch.Tensor
    """(N, K / 32, 4), int32."""
    ranges_NB: torch.Tensor
    """int16: the low byte is the code of the scale, the high one that of the minimum, with sign."""
    factors_N: torch.Tensor
    """float32."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.words_NBW.shape[0], self.words_NBW.shape[1] * BLOCK

    @property
    def num_bytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in (self.words_NBW, self.ranges_NB, self.factors_N))


def pack(
    codes_NK: torch.Tensor, scale_codes_NB: torch.Tensor, minimum_codes_NB: torch.Tensor, factors_N: torch.Tensor
) -> Int4Matrix:
    """A matrix from its codes, 0 to 15, those of scales and minima, and the factors of its rows.

    Codes of scales are 0 to 255, of minima -128 to 127. K must be a multiple of 32. Raises
    `ValueError` for other shapes.
    """
    rows, columns = codes_NK.shape
    expected = (rows, columns // BLOCK)
    if columns % BLOCK or scale_codes_NB.shape != expected or minimum_codes_NB.shape != expected or len(factors_N) != rows:
        raise ValueError(
            f"Codes {tuple(codes_NK.shape)} do not fit scales {tuple(scale_codes_NB.shape)}, minima "
            f"{tuple(minimum_codes_NB.shape)} of blocks of {BLOCK} and {len(factors_N)} factors."
        )
    groups = codes_NK.view(rows, columns // BLOCK, 8, 4).long()
    shifts = 4 * torch.arange(8, device=codes_NK.device)[:, None]
    words = (groups << shifts).sum(2)
    words = torch.where(words >= 2**31, words - 2**32, words).int()
    ranges = (scale_codes_NB.long() + 256 * minimum_codes_NB.long()).short()
    return Int4Matrix(words.contiguous(), ranges.contiguous(), factors_N.float().contiguous())


def quantize(weight_NK: torch.Tensor) -> Int4Matrix:
    """The nearest codes for the range of each block.

    Of the codes next to its scale and its minimum, a block has those of the least squared error.
    """
    rows, columns = weight_NK.shape
    blocks = weight_NK.float().view(rows, -1, BLOCK)
    minima, highest = blocks.amin(2), blocks.amax(2)
    scales = (highest - minima) / 15
    factors = torch.maximum(scales.amax(1) / _MAX_SCALE, minima.abs().amax(1) / (MINIMUM_UNIT * _MAX_MINIMUM)).clamp(min=1e-12)
    scale_codes, minimum_codes = scales / factors[:, None], minima / (MINIMUM_UNIT * factors[:, None])
    best_codes = torch.zeros(blocks.shape, dtype=torch.uint8, device=weight_NK.device)
    best_scales, best_minima = torch.zeros_like(scales), torch.zeros_like(minima)
    lowest = torch.full_like(scales, torch.inf)
    for scale_shift, minimum_shift in product((0, 1), (0, 1)):
        of_scale = (scale_codes.floor() + scale_shift).clamp(1, _MAX_SCALE)
        of_minimum = (minimum_codes.floor() + minimum_shift).clamp(-_MAX_MINIMUM - 1, _MAX_MINIMUM)
        scale = (of_scale * factors[:, None])[..., None]
        minimum = (of_minimum * MINIMUM_UNIT * factors[:, None])[..., None]
        codes = ((blocks - minimum) / scale).round().clamp(0, 15)
        error = (codes * scale + minimum - blocks).square().sum(2)
        is_better = error < lowest
        lowest = torch.where(is_better, error, lowest)
        best_scales = torch.where(is_better, of_scale, best_scales)
        best_minima = torch.where(is_better, of_minimum, best_minima)
        best_codes = torch.where(is_better[..., None], codes.to(torch.uint8), best_codes)
    return pack(best_codes.view(rows, columns), best_scales, best_minima, factors)


def dequantize(matrix: Int4Matrix, dtype: torch.dtype) -> torch.Tensor:
    """The values (N, K)."""
    shifts = 4 * torch.arange(8, device=matrix.words_NBW.device, dtype=torch.int32)[:, None]
    codes = (matrix.words_NBW[:, :, None] >> shifts) & 15
    ranges = matrix.ranges_NB.int()
    scales = (ranges & 255).float() * matrix.factors_N[:, None]
    minima = (ranges >> 8).float() * (MINIMUM_UNIT * matrix.factors_N[:, None])
    values = codes.float() * scales[..., None, None] + minima[..., None, None]
    return values.to(dtype).view(matrix.shape)
