"""Rounds matrices to 4 or 8 bits in blocks, in a layout that `QMoE` of ONNX Runtime computes with.

A block of `rows` x `columns` values has a scale: weight = (value - zero point) * scale, where the
zero point is 8 or 128 and the entry of largest magnitude is the value 0, as in Q4_0 of GGML. A
scale is an integer from -127 to 127 times one float32 for the whole matrix, rounded to a number of
half precision, so that it takes 8 bits of the file. Dimensions are named N outputs and K inputs;
further axes, such as experts, come before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Float = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Bits = Literal[4, 8]

BLOCK_SIZE = 32
"""Values that share a scale."""
MAX_CODE = 127
"""Largest magnitude of the integer of a scale."""


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """The precision of a matrix and the shape of its blocks."""

    bits: Bits
    rows: int
    columns: int

    @property
    def zero_point(self) -> int:
        """The value that stands for 0."""
        return int(2 ** (self.bits - 1))

    @classmethod
    def choose(cls, bits: Bits, num_rows: int, num_columns: int) -> BlockFormat:
        """Blocks of 32 inputs, or of several outputs and all inputs where there are fewer inputs.

        So a down-projection of an expert of width 8 has as many scales as one of width 32. Raises
        `InvalidInput` for a matrix that is not whole blocks.
        """
        columns = min(num_columns, BLOCK_SIZE)
        rows = BLOCK_SIZE // columns
        if rows * columns != BLOCK_SIZE or num_rows % rows or num_columns % columns:
            raise InvalidInput(f"A matrix of {num_rows} x {num_columns} is not whole blocks of {BLOCK_SIZE} values.")
        return cls(bits, rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class RoundedMatrix:
    """A matrix (..., N, K) in blocks."""

    format: BlockFormat
    values: UInt8
    """(..., N, K), one value in each byte."""
    codes: npt.NDArray[np.int8]
    """The integers of the scales (..., N / rows, K / columns)."""
    base: Float
    """(...), what the codes are multiplied with."""

    def compute_scales(self) -> Float:
        """The scales (..., N, K / columns) of each row, equal in the rows of a block."""
        return np.repeat(_multiply(self.codes, self.base), self.format.rows, axis=-2)

    def dequantize(self) -> Float:
        """The matrix in float32."""
        scales = np.repeat(self.compute_scales(), self.format.columns, axis=-1)
        return (self.values.astype(np.float32) - np.float32(self.format.zero_point)) * scales


def round_matrix(weight: Float, block_format: BlockFormat) -> RoundedMatrix:
    """Round (..., N, K) to the nearest values.

    `fake_quantization` computes the same in torch, by the same operations. Raises `InvalidInput`
    for numbers that are not finite or too large for scales of half precision.
    """
    if not np.isfinite(weight).all():
        raise InvalidInput("Weights that are not finite cannot be rounded.")
    zero = np.float32(block_format.zero_point)
    blocks = _divide_into_blocks(weight, block_format)
    high, low = blocks.max(axis=(-3, -1)), blocks.min(axis=(-3, -1))
    scales = np.where(high >= -low, high, low) / -zero
    if scales.size and np.abs(scales).max() > np.finfo(np.float16).max:
        raise InvalidInput("Weights this large cannot be rounded.")
    base = np.abs(scales).max(axis=(-2, -1)) / np.float32(MAX_CODE)
    divisor = np.where(base > 0, base, 1).astype(np.float32)[..., None, None]
    codes = np.clip(np.rint(scales / divisor), -MAX_CODE, MAX_CODE).astype(np.int8)
    row_scales = np.repeat(_multiply(codes, base), block_format.rows, axis=-2)
    element_scales = np.repeat(row_scales, block_format.columns, axis=-1)
    integers = np.rint(weight / np.where(element_scales == 0, np.float32(1), element_scales)) + zero
    values = np.where(element_scales == 0, zero, np.clip(integers, 0, 2 * zero - 1))
    return RoundedMatrix(block_format, values.astype(np.uint8), codes, base)


def count_bytes(shape: tuple[int, ...], bits: Bits) -> int:
    """Bytes of a matrix of this shape in a file."""
    return prod(shape) * bits // 8 + prod(shape) // BLOCK_SIZE + 4 * prod(shape[:-2])


def pack_values(values: UInt8) -> UInt8:
    """Values below 16 (..., K) as bytes (..., K / 2), the even ones in the lower half."""
    return values[..., 0::2] | (values[..., 1::2] << np.uint8(4))


def unpack_values(packed: UInt8) -> UInt8:
    """The opposite of `pack_values`."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def _multiply(codes: npt.NDArray[np.int8], base: Float) -> Float:
    """The scales of blocks: numbers of half precision, in float32."""
    return (codes.astype(np.float32) * base[..., None, None]).astype(np.float16).astype(np.float32)


def _divide_into_blocks(weight: Float, block_format: BlockFormat) -> Float:
    """(..., N / rows, rows, K / columns, columns)."""
    rows, columns = block_format.rows, block_format.columns
    num_rows, num_columns = weight.shape[-2:]
    return weight.reshape(*weight.shape[:-2], num_rows // rows, rows, num_columns // columns, columns)
