"""The block types of GGUF tensors, and their conversion from and to float32.

Layouts and rounding from the GGML project, `ggml-common.h` and `ggml-quants.c` (MIT). All numbers
are little endian. A quantized type stores 32 values in a block:

- `Q4_1`: scale d and minimum m in half precision, 16 bytes. The low 4 bits of byte j are the value
  q of element j, the high 4 bits that of element j + 16; x = d * q + m.
- `Q8_0`: scale d in half precision, 32 signed bytes q; x = d * q.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BlockType:
    """How a tensor type stores its values."""

    name: str
    num_values: int
    """Values in a block."""
    num_bytes: int
    """Bytes of a block."""
    dequantize: Callable[[Bytes], Float]
    """Converts blocks (N, num_bytes) to values (N, num_values)."""
    quantize: Callable[[Float], Bytes]
    """The opposite, rounded: values (N, num_values) to blocks (N, num_bytes)."""


def _view_halves(column_N2: Bytes) -> Float:
    """Half-precision numbers in two columns of bytes, as a column (N, 1) of float32."""
    return np.ascontiguousarray(column_N2).view("<f2").astype(np.float32)


def _dequantize_f32(blocks: Bytes) -> Float:
    return blocks.view("<f4").astype(np.float32)


def _dequantize_q4_1(blocks: Bytes) -> Float:
    scale, minimum, packed = _view_halves(blocks[:, :2]), _view_halves(blocks[:, 2:4]), blocks[:, 4:]
    quantized = np.concatenate([packed & 0x0F, packed >> 4], axis=1)
    return scale * quantized.astype(np.float32) + minimum


def _dequantize_q8_0(blocks: Bytes) -> Float:
    return _view_halves(blocks[:, :2]) * blocks[:, 2:].view(np.int8).astype(np.float32)


def _store_halves(column_N1: Float) -> Bytes:
    """The opposite of `_view_halves`."""
    return np.ascontiguousarray(column_N1.astype("<f2")).view(np.uint8)


def _quantize_f32(values: Float) -> Bytes:
    return np.ascontiguousarray(values.astype("<f4")).view(np.uint8)


def _quantize_q4_1(values: Float) -> Bytes:
    minimum = values.min(axis=1, keepdims=True)
    scale = (values.max(axis=1, keepdims=True) - minimum) / np.float32(15)
    quantized = np.floor((values - minimum) / np.where(scale > 0, scale, 1) + np.float32(0.5)).clip(0, 15).astype(np.uint8)
    packed = quantized[:, :16] | (quantized[:, 16:] << np.uint8(4))
    return np.concatenate([_store_halves(scale), _store_halves(minimum), packed], axis=1)


def _quantize_q8_0(values: Float) -> Bytes:
    scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
    scaled = values / np.where(scale > 0, scale, 1)
    quantized = (np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))).astype(np.int8)
    return np.concatenate([_store_halves(scale), quantized.view(np.uint8)], axis=1)


F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8
BLOCK_TYPES = {
    F32: BlockType("F32", 1, 4, _dequantize_f32, _quantize_f32),
    F16: BlockType("F16", 1, 2, _view_halves, _store_halves),
    Q4_1: BlockType("Q4_1", 32, 20, _dequantize_q4_1, _quantize_q4_1),
    Q8_0: BlockType("Q8_0", 32, 34, _dequantize_q8_0, _quantize_q8_0),
}
"""Supported types by their number in a file (`ggml_type`)."""
