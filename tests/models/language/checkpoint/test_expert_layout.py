"""Stored experts in the layout of QMoE represent the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mm.models.language.checkpoint.expert_layout import convert_experts
from mm.models.language.checkpoint.rounding import BlockFormat, round_matrix
from mm.models.language.quantization.experts import quantize_experts


@pytest.mark.parametrize(("width", "hidden_size"), [(8, 64), (16, 96), (16, 576), (32, 64), (64, 32)])
def test_converted_experts_have_the_weights_of_the_file_in_the_layout_of_qmoe(width: int, hidden_size: int) -> None:
    random = np.random.default_rng(width)
    gate_up = random.standard_normal((5, 2 * width, hidden_size), np.float32)
    down = random.standard_normal((5, hidden_size, width), np.float32)
    gate_up[1], down[2, :4] = 0, 0
    stored = [round_matrix(weight, BlockFormat.choose(4, *weight.shape[1:])) for weight in (gate_up, down)]
    first, second = convert_experts(*stored)
    rows = first.dequantize().reshape(5, -1, 2, hidden_size)
    np.testing.assert_array_equal(rows[:, :width].swapaxes(1, 2).reshape(gate_up.shape), stored[0].dequantize())
    np.testing.assert_array_equal(second.dequantize()[..., :width], stored[1].dequantize())
    assert not rows[:, width:].any()
    assert not second.dequantize()[..., width:].any()
    for converted, quantized in zip((first, second), quantize_experts(gate_up, down), strict=True):
        assert (converted.packed.shape, converted.scales.shape) == (quantized.packed.shape, quantized.scales.shape)
        assert (converted.block_size, converted.num_columns) == (quantized.block_size, quantized.num_columns)
        np.testing.assert_array_equal(converted.scales, converted.scales.astype(np.float16))
