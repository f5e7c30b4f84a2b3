"""Products in 8-bit integers with one scale for each row of the matrix and one for each token.

A processor with dot products of 8-bit integers multiplies many tokens about four times as fast in
this form as in blocks with scales of their own, whose partial sums it scales one by one. Values are
symmetric: value = integer * scale, integers from -127 to 127. As in the vector-wise quantization of
LLM.int8() (Dettmers et al. 2022, arXiv:2208.07339), without its outlier columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Int8 = npt.NDArray[np.int8]
Float = npt.NDArray[np.float32]

LIMIT = 127
"""Largest magnitude of an integer."""
MIN_MAGNITUDE = 1e-20
"""A row or token whose entries are all smaller becomes 0."""


@dataclass(frozen=True, slots=True, eq=False)
class RowQuantized:
    """A matrix (N, K)."""

    values: Int8
    """(N, K)."""
    scales: Float
    """(N,)."""

    def dequantize(self) -> Float:
        """The matrix that is multiplied with."""
        return self.values * self.scales[:, None]


def quantize_rows(matrix_NK: npt.NDArray[np.floating]) -> RowQuantized:
    """Round each row to the nearest multiples of its scale.

    Raises `InvalidInput` for entries that are not finite.
    """
    if not np.isfinite(matrix_NK).all():
        raise InvalidInput("Weights that are not finite cannot be quantized.")
    magnitudes = np.maximum(np.abs(matrix_NK).max(axis=1), np.float32(MIN_MAGNITUDE)).astype(np.float32)
    values = np.rint(matrix_NK * (LIMIT / magnitudes)[:, None]).clip(-LIMIT, LIMIT)
    return RowQuantized(values.astype(np.int8), magnitudes / np.float32(LIMIT))


def multiply_rows(x_TK: Float, weight: RowQuantized) -> Float:
    """x @ weight.T with the inputs rounded by token; the reference of the operators of a graph."""
    inputs = quantize_rows(x_TK)
    sums = inputs.values.astype(np.int32) @ weight.values.T.astype(np.int32)
    product: Float = sums.astype(np.float32) * weight.scales * inputs.scales[:, None]
    return product
