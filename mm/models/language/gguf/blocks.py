"""The block types of GGUF tensors, and their conversion to float32.

Layouts from the GGML project, `ggml-common.h` and `ggml-quants.c` (MIT). All numbers are little
endian. A quantized type stores 32 values in a block:

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


BLOCK_TYPES = {
    0: BlockType("F32", 1, 4, _dequantize_f32),
    3: BlockType("Q4_1", 32, 20, _dequantize_q4_1),
    8: BlockType("Q8_0", 32, 34, _dequantize_q8_0),
}
"""Supported types by their number in a file (`ggml_type`)."""
