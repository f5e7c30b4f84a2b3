"""Converts rounded experts to the layout of `QMoE` of ONNX Runtime, without rounding them again."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mm.models.language.checkpoint.rounding import RoundedMatrix, UInt8
from mm.models.language.quantization.blocks import MIN_BLOCK, BlockQuantized, Float, pack
from mm.models.language.quantization.experts import choose_expert_block

ScalarT = TypeVar("ScalarT", bound=np.generic)


def convert_experts(gate_up: RoundedMatrix, down: RoundedMatrix) -> tuple[BlockQuantized, BlockQuantized]:
    """Both matrices of each expert as from `quantization.experts.quantize_experts`, in 4 bits.

    Narrow experts are widened by dimensions that are 0. Raises `InvalidInput` as
    `choose_expert_block` does.
    """
    hidden_size, width = down.values.shape[-2:]
    missing = -width % MIN_BLOCK
    block = choose_expert_block(hidden_size, width + missing)
    zero = down.format.zero_point
    return (
        _assemble(_arrange(gate_up.values, missing, zero), _arrange(gate_up.compute_scales(), missing, 1), block),
        _assemble(np.pad(down.values, [(0, 0), (0, 0), (0, missing)], constant_values=zero), down.compute_scales(), block),
    )


def _assemble(values: UInt8, scales: Float, block: int) -> BlockQuantized:
    """`scales` are of blocks as large as those of `BlockQuantized`, or a multiple of them."""
    num_columns = values.shape[-1]
    num_blocks = num_columns // block
    packed = pack(values.reshape(*values.shape[:-1], num_blocks, block), 4)
    expanded = np.repeat(scales, num_blocks // scales.shape[-1], axis=-1)
    return BlockQuantized(packed, np.where(expanded == 0, np.float32(1), expanded), None, 4, num_columns)


def _arrange(rows: npt.NDArray[ScalarT], missing: int, fill: int) -> npt.NDArray[ScalarT]:
    """Rows gate 0, up 0, gate 1, up 1, ... of (E, 2 I, ...), widened by `missing` rows of each."""
    halves = rows.reshape(len(rows), 2, -1, rows.shape[2])
    widened = np.pad(halves, [(0, 0), (0, 0), (0, missing), (0, 0)], constant_values=fill)
    arranged: npt.NDArray[ScalarT] = widened.swapaxes(1, 2).reshape(len(rows), -1, rows.shape[2])
    return arranged
