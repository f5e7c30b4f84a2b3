"""Block-wise quantization: layout, error, block offsets, and the layout of experts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mm.errors import InvalidInput
from mm.models.language.quantization.blocks import BlockQuantized, pack, quantize_blocks, unpack
from mm.models.language.quantization.experts import choose_expert_block, quantize_experts, round_experts
from mm.models.language.quantization.offsets import quantize_with_offsets
from mm.models.language.quantization.rows import multiply_rows, quantize_rows

BITS = pytest.mark.parametrize("bits", [4, 8])
SYMMETRIC = pytest.mark.parametrize("symmetric", [True, False])


def dequantize_naively(quantized: BlockQuantized) -> np.ndarray:
    """One entry at a time, from the specification of `MatMulNBits`."""

    def read(row: np.ndarray, index: int) -> int:
        byte = int(row[index * quantized.bits // 8])
        return byte if quantized.bits == 8 else (byte >> 4 if index % 2 else byte & 15)

    matrix = np.zeros((quantized.num_rows, quantized.num_columns))
    for row in range(quantized.num_rows):
        for column in range(quantized.num_columns):
            block, place = divmod(column, quantized.block_size)
            zero = 2 ** (quantized.bits - 1) if quantized.zero_points is None else read(quantized.zero_points[row], block)
            matrix[row, column] = (read(quantized.packed[row, block], place) - zero) * quantized.scales[row, block]
    return matrix


@BITS
@SYMMETRIC
@pytest.mark.parametrize("columns", [16, 40, 96])
def test_dequantize_equals_the_specification(bits: int, symmetric: bool, columns: int) -> None:
    weight = np.random.default_rng(columns).standard_normal((5, columns)).astype(np.float32)
    quantized = quantize_blocks(weight, bits, 32, symmetric)
    np.testing.assert_allclose(quantized.dequantize(), dequantize_naively(quantized), rtol=1e-6)


@given(
    arrays(np.float32, (3, 40), elements=st.floats(-1e4, 1e4, width=32)),
    st.sampled_from([4, 8]),
    st.sampled_from([16, 32]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_quantize_error_is_at_most_one_step(weight: np.ndarray, bits: int, block_size: int, symmetric: bool) -> None:
    """Rounding gives half a step; clipping and the rounded zero point give another half."""
    quantized = quantize_blocks(weight, bits, block_size, symmetric)
    steps = np.repeat(np.abs(quantized.scales), block_size, axis=1)[:, : weight.shape[1]]
    tolerance = 1.01 if bits == 4 else 1.2  # scales are rounded to 11 bits, values have up to 255 steps
    assert (np.abs(quantized.dequantize() - weight) <= steps * tolerance + 1e-5).all()


@given(st.integers(1, 9).flatmap(lambda n: arrays(np.uint8, (2, n), elements=st.integers(0, 15))), st.sampled_from([4, 8]))
def test_unpack_is_the_opposite_of_pack(values: np.ndarray, bits: int) -> None:
    np.testing.assert_array_equal(unpack(pack(values, bits), bits, values.shape[1]), values)


@pytest.mark.parametrize(("bits", "lowest", "highest"), [(4, -8, 7), (8, -127, 127)])
def test_quantize_values_of_a_half_precision_scale_are_exact(bits: int, lowest: int, highest: int) -> None:
    """As those of Q4_0 and Q8_0, when each block has the extreme value."""
    values = np.random.default_rng(3).integers(lowest, highest + 1, (4, 2, 32))
    values[..., 0] = lowest
    weight = (values * np.float32(np.float16(0.0123))).reshape(4, 64).astype(np.float32)
    np.testing.assert_array_equal(quantize_blocks(weight, bits).dequantize(), weight)


def test_quantize_stack_equals_each_matrix() -> None:
    stack = np.random.default_rng(4).standard_normal((3, 5, 48)).astype(np.float32)
    each = [quantize_blocks(matrix, 4, 16).dequantize() for matrix in stack]
    np.testing.assert_array_equal(quantize_blocks(stack, 4, 16).dequantize(), each)


@pytest.mark.parametrize("entry", [0, 1e-45])
@SYMMETRIC
def test_quantize_tiny_weights_become_zeros(entry: float, symmetric: bool) -> None:
    assert not quantize_blocks(np.full((2, 32), entry, np.float32), 4, 32, symmetric).dequantize().any()


@pytest.mark.parametrize(("bits", "block_size"), [(3, 32), (4, 8), (4, 24)])
def test_quantize_unknown_format_is_refused(bits: int, block_size: int) -> None:
    with pytest.raises(InvalidInput):
        quantize_blocks(np.ones((2, 32), np.float32), bits, block_size)  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", [np.nan, np.inf, 1e38])
def test_quantize_weights_that_have_no_half_precision_scale_are_refused(entry: float) -> None:
    with pytest.raises(InvalidInput, match="cannot be quantized"):
        quantize_blocks(np.full((1, 32), entry, np.float32), 4)
    with pytest.raises(InvalidInput, match="cannot be quantized"):
        quantize_with_offsets(np.array([[entry] + [-1] * 31], np.float32))


def draw_q4_1(rng: np.random.Generator, rows: int, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix of Q4_1 blocks, and its scales repeated for each entry."""
    scales = rng.uniform(0.01, 0.02, (rows, blocks, 1)).astype(np.float16).astype(np.float32)
    minima = -scales * rng.uniform(-3, 18, scales.shape).astype(np.float32)
    values = rng.integers(0, 16, (rows, blocks, 32)).astype(np.float32)
    values[..., 0], values[..., 1] = 0, 15
    return (scales * values + minima).reshape(rows, -1), np.repeat(scales[..., 0], 32, axis=1)


def test_quantize_with_offsets_of_q4_1_blocks_errs_only_in_the_offsets() -> None:
    """Offsets are within their zero point's range and rounded to 16 values of the row."""
    weight, scales = draw_q4_1(np.random.default_rng(5), 7, 18)
    quantized = quantize_with_offsets(weight)
    errors = (quantized.dequantize() - weight).reshape(7, 18, 32)
    np.testing.assert_allclose(errors, np.broadcast_to(errors[..., :1], errors.shape), atol=1e-6)  # one error a block
    step = quantized.extended.scales[:, 18:]
    assert (np.abs(errors[..., 0]) <= step + 1e-6).all()
    np.testing.assert_array_equal(quantized.extended.scales[:, :18], scales[:, ::32])


def test_quantize_with_offsets_is_closer_than_zero_points_alone() -> None:
    weight, _ = draw_q4_1(np.random.default_rng(6), 16, 4)
    errors = [quantize_with_offsets(weight), quantize_blocks(weight, 4, symmetric=False)]
    assert np.std(errors[0].dequantize() - weight) < 0.5 * np.std(errors[1].dequantize() - weight)


@pytest.mark.parametrize("entry", [0.0, 0.3, -7.0])
def test_quantize_with_offsets_of_equal_weights_is_exact(entry: float) -> None:
    weight = np.full((2, 64), entry, np.float32)
    np.testing.assert_allclose(quantize_with_offsets(weight).dequantize(), weight, rtol=1e-3)


def test_quantize_with_offsets_of_incomplete_blocks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="40 columns"):
        quantize_with_offsets(np.zeros((2, 40), np.float32))


@pytest.mark.parametrize("width", [8, 16, 24])
@BITS
def test_round_experts_equals_each_block_rounded_alone(width: int, bits: int) -> None:
    rng = np.random.default_rng(7)
    gate_up, down = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 2 * width, 96), (3, 96, width)))
    block = choose_expert_block(96, -(-width // 16) * 16)
    rounded_gate_up, rounded_down = round_experts(gate_up, down, bits)
    np.testing.assert_array_equal(rounded_gate_up, quantize_blocks(gate_up, bits, block).dequantize())
    np.testing.assert_array_equal(rounded_down, quantize_blocks(down, bits, block).dequantize())


def test_quantize_experts_rows_alternate_between_gate_and_up() -> None:
    gate_up = np.repeat(np.arange(1, 33, dtype=np.float32), 32).reshape(1, 32, 32)
    rows = quantize_experts(gate_up, np.ones((1, 32, 16), np.float32))[0].dequantize()[0, :, 0]
    np.testing.assert_allclose(rows[:6], [1, 17, 2, 18, 3, 19], rtol=1e-3)


@pytest.mark.parametrize(("hidden_size", "width", "expected"), [(576, 16, 16), (576, 32, 32), (576, 64, 32), (48, 64, 16)])
def test_choose_expert_block_divides_both_sizes(hidden_size: int, width: int, expected: int) -> None:
    assert choose_expert_block(hidden_size, width) == expected


def test_choose_expert_block_without_a_divisor_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not divide the hidden size 24"):
        choose_expert_block(24, 16)


@given(arrays(np.float32, (3, 40), elements=st.floats(-1e4, 1e4, width=32)))
@settings(max_examples=40, deadline=None)
def test_quantize_rows_error_is_at_most_half_a_step_of_each_row(weight: np.ndarray) -> None:
    quantized = quantize_rows(weight)
    assert (np.abs(quantized.dequantize() - weight) <= quantized.scales[:, None] * 0.501 + 1e-20).all()


def test_quantize_rows_of_weights_that_are_not_finite_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not finite"):
        quantize_rows(np.array([[1.0, np.nan]]))


def test_multiply_rows_is_close_to_the_product_and_does_not_depend_on_other_tokens() -> None:
    random = np.random.default_rng(3)
    weight, x = quantize_rows(random.standard_normal((20, 64))), random.standard_normal((6, 64)).astype(np.float32)
    product, exact = multiply_rows(x, weight), x @ weight.dequantize().T
    assert np.linalg.norm(product - exact) < 0.01 * np.linalg.norm(exact)
    np.testing.assert_array_equal(multiply_rows(x[2:3], weight)[0], product[2])
