"""Quantization of routed experts, in the layout of `QMoE` of ONNX Runtime.

Matrices are rounded to 4 or 8 bits in symmetric blocks. Names of arrays end in their axes: E
experts, I width of an expert, D hidden size.
"""

from __future__ import annotations

import numpy as np

from mm.errors import InvalidInput
from mm.models.language.quantization.blocks import MIN_BLOCK, Bits, BlockQuantized, Float, quantize_blocks

MAX_BLOCK = 32
"""Columns that share a scale, where both sizes of an expert allow it."""


def choose_expert_block(hidden_size: int, width: int) -> int:
    """The largest block of at most `MAX_BLOCK` columns that divides both sizes of an expert.

    `width` is a multiple of `MIN_BLOCK`. Raises `InvalidInput` when the hidden size is none.
    """
    block = MAX_BLOCK
    while hidden_size % block or width % block:
        block //= 2
    if block < MIN_BLOCK:
        raise InvalidInput(
            f"Experts are quantized in blocks of {MIN_BLOCK}, which does not divide the hidden size {hidden_size}."
        )
    return block


def quantize_experts(gate_up_EID: Float, down_EDI: Float, bits: Bits = 4) -> tuple[BlockQuantized, BlockQuantized]:
    """Both matrices of each expert: (E, 2 I, D) and (E, D, I).

    Experts whose width is no multiple of `MIN_BLOCK` are widened by dimensions that are 0; the rows
    of the first matrix alternate between gate and up. Raises `InvalidInput` as
    `choose_expert_block` and `quantize_blocks` do.
    """
    gate_up_EID, down_EDI = _pad_width(gate_up_EID, down_EDI)
    block = choose_expert_block(gate_up_EID.shape[2], down_EDI.shape[2])
    return quantize_blocks(_interleave(gate_up_EID), bits, block), quantize_blocks(down_EDI, bits, block)


def round_experts(gate_up_EID: Float, down_EDI: Float, bits: Bits = 4) -> tuple[Float, Float]:
    """The matrices, in their own layout, that quantized experts compute with."""
    width = down_EDI.shape[2]
    first, second = (quantized.dequantize() for quantized in quantize_experts(gate_up_EID, down_EDI, bits))
    halves = first.reshape(len(first), -1, 2, first.shape[2]).swapaxes(1, 2)[:, :, :width]
    return np.ascontiguousarray(halves).reshape(gate_up_EID.shape), np.ascontiguousarray(second[:, :, :width])


def _pad_width(gate_up_EID: Float, down_EDI: Float) -> tuple[Float, Float]:
    num_experts, doubled, hidden_size = gate_up_EID.shape
    missing = -(doubled // 2) % MIN_BLOCK
    halves = gate_up_EID.reshape(num_experts, 2, doubled // 2, hidden_size)
    widened = np.pad(halves, [(0, 0), (0, 0), (0, missing), (0, 0)]).reshape(num_experts, -1, hidden_size)
    return widened, np.pad(down_EDI, [(0, 0), (0, 0), (0, missing)])


def _interleave(gate_up_EID: Float) -> Float:
    """Rows gate 0, up 0, gate 1, up 1, ... from all gate rows, then all up rows."""
    num_experts, doubled, hidden_size = gate_up_EID.shape
    halves = gate_up_EID.reshape(num_experts, 2, doubled // 2, hidden_size)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(gate_up_EID.shape)
