"""Block-wise quantization of matrices.

A row (K,) is divided into blocks of `block_size` columns; the last block is padded with zeros. Each
block has a scale and a zero point: weight = (value - zero point) * scale. Values and zero points of
4 bits are packed in pairs, the lower half of a byte first, as specified by
docs/ContribOperators.md of ONNX Runtime. Scales are numbers of half precision and rounding is that
of Q4_0 and Q8_0 of GGML, so that what such a file stores is represented exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Bits = Literal[4, 8]
UInt8 = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]

MIN_BLOCK = 16
"""Smallest block of both operators; sizes are powers of two."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockQuantized:
    """A quantized matrix (..., N, K), or a stack of them."""

    packed: UInt8
    """Values (..., N, blocks, block_size * bits / 8)."""
    scales: Float
    """(..., N, blocks)."""
    zero_points: UInt8 | None
    """Packed (..., N, ceil(blocks * bits / 8)); None means 2^(bits - 1)."""
    bits: Bits
    num_columns: int
    """K, without padding."""

    @property
    def num_rows(self) -> int:
        """N."""
        return int(self.packed.shape[-3])

    @property
    def block_size(self) -> int:
        """Columns of a block."""
        return int(self.packed.shape[-1]) * 8 // self.bits

    @property
    def nbytes(self) -> int:
        """Bytes of all three arrays."""
        return self.packed.nbytes + self.scales.nbytes + (0 if self.zero_points is None else self.zero_points.nbytes)

    def dequantize(self) -> Float:
        """The matrix (..., N, K) that the operators multiply with."""
        values = unpack(self.packed, self.bits, self.block_size).astype(np.float32)
        if self.zero_points is None:
            zero_points = np.full(self.scales.shape, 2 ** (self.bits - 1), np.float32)
        else:
            zero_points = unpack(self.zero_points, self.bits, self.scales.shape[-1]).astype(np.float32)
        blocks = (values - zero_points[..., None]) * self.scales[..., None]
        return np.ascontiguousarray(blocks.reshape(*blocks.shape[:-2], -1)[..., : self.num_columns])


def quantize_blocks(weight: npt.NDArray[np.floating], bits: Bits, block_size: int = 32, symmetric: bool = True) -> BlockQuantized:
    """Round a matrix (..., N, K) to the nearest values.

    Symmetric: the zero point is 2^(bits - 1); of 4 bits all 16 values are used, the entry that is
    the largest in magnitude being -8 times the scale, of 8 bits those from -127 to 127. Asymmetric:
    the range from the minimum to the maximum of a block, 0 included, is represented.

    Raises `InvalidInput` for another number of bits, a block size that is no power of two or less
    than `MIN_BLOCK`, and entries that are not finite.
    """
    if bits not in (4, 8):
        raise InvalidInput(f"Weights are quantized to 4 or 8 bits, not {bits}.")
    if block_size < MIN_BLOCK or block_size & (block_size - 1):
        raise InvalidInput(f"The block size of quantized weights is a power of two of at least {MIN_BLOCK}, not {block_size}.")
    if not np.isfinite(weight).all():
        raise InvalidInput("Weights that are not finite cannot be quantized.")
    num_columns = weight.shape[-1]
    padding = [(0, 0)] * (weight.ndim - 1) + [(0, -num_columns % block_size)]
    blocks = np.pad(weight.astype(np.float32), padding).reshape(*weight.shape[:-1], -1, block_size)
    scales, zero_points = _fit_symmetric(blocks, bits) if symmetric else _fit_asymmetric(blocks, bits)
    values = np.rint(blocks / scales[..., None]) + zero_points[..., None]
    packed = pack(np.clip(values, 0, 2**bits - 1).astype(np.uint8), bits)
    return BlockQuantized(packed, scales, None if symmetric else pack(zero_points.astype(np.uint8), bits), bits, num_columns)


def pack(values: UInt8, bits: Bits) -> UInt8:
    """Values (..., n) below 2^bits as bytes (..., ceil(n * bits / 8))."""
    if bits == 8:
        return values
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, values.shape[-1] % 2)])
    return padded[..., 0::2] | (padded[..., 1::2] << np.uint8(4))


def unpack(packed: UInt8, bits: Bits, count: int) -> UInt8:
    """The opposite of `pack`: the first `count` values."""
    if bits == 8:
        return packed[..., :count]
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)[..., :count]


def round_scales(scales: Float) -> Float:
    """Scales of half precision; 1 in place of those that are 0 in it: such a block becomes 0.

    Raises `InvalidInput` for scales above the largest number of half precision.
    """
    if scales.size and np.abs(scales).max() > np.finfo(np.float16).max:
        raise InvalidInput("Weights this large cannot be quantized.")
    rounded = scales.astype(np.float16).astype(np.float32)
    return np.where(rounded == 0, np.float32(1), rounded)


def _fit_symmetric(blocks: Float, bits: Bits) -> tuple[Float, Float]:
    """Scales and zero points (..., blocks)."""
    if bits == 8:
        scales = round_scales(np.abs(blocks).max(-1) / np.float32(127))
    else:
        extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), -1)[..., 0]
        scales = round_scales(extreme / np.float32(-8))
    return scales, np.full_like(scales, 2 ** (bits - 1))


def _fit_asymmetric(blocks: Float, bits: Bits) -> tuple[Float, Float]:
    low, high = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
    scales = round_scales((high - low) / np.float32(2**bits - 1))
    return scales, np.clip(np.rint(-low / scales), 0, 2**bits - 1).astype(np.float32)
