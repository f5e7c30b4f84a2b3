"""Rounding in blocks: its error, its layout, and the same in torch bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.models.language.checkpoint.fake_quantization import fake_quantize
from mm.models.language.checkpoint.rounding import BlockFormat, count_bytes, pack_values, round_matrix, unpack_values

SHAPES = [(3, 32, 64), (4, 16, 8), (4, 16, 16), (2, 6, 32), (1, 4, 64), (64, 32)]


def draw(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Heavy-tailed weights, some blocks of which are zeros."""
    random = np.random.default_rng(seed)
    weight = random.standard_t(3, shape).astype(np.float32) * np.float32(10.0 ** random.integers(-2, 3))
    weight[..., : shape[-2] // 4, :] = 0
    return weight


def dequantize_naively(weight: np.ndarray, block_format: BlockFormat) -> np.ndarray:
    """One value at a time of a matrix (N, K), from the definition."""
    rounded, result = round_matrix(weight, block_format), np.zeros(weight.shape)
    for row, column in np.ndindex(weight.shape):
        code = int(rounded.codes[row // block_format.rows, column // block_format.columns])
        result[row, column] = (int(rounded.values[row, column]) - block_format.zero_point) * float(
            np.float16(code * rounded.base)
        )
    return result


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("shape", [(6, 64), (8, 16), (8, 8)])
def test_dequantize_equals_the_definition(bits: int, shape: tuple[int, int]) -> None:
    block_format = BlockFormat.choose(bits, *shape)  # type: ignore[arg-type]
    assert block_format.rows * block_format.columns == 32
    weight = draw(shape, 1)
    np.testing.assert_allclose(
        round_matrix(weight, block_format).dequantize(), dequantize_naively(weight, block_format), rtol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), shape=st.sampled_from(SHAPES), bits=st.sampled_from([4, 8]))
def test_torch_fake_quantization_equals_the_stored_rounding_bit_for_bit(seed: int, shape: tuple[int, ...], bits: int) -> None:
    weight, block_format = draw(shape, seed), BlockFormat.choose(bits, *shape[-2:])  # type: ignore[arg-type]
    stored = round_matrix(weight, block_format).dequantize()
    parameter = torch.from_numpy(weight).requires_grad_()
    rounded = fake_quantize(parameter, block_format)
    np.testing.assert_array_equal(rounded.detach().numpy(), stored)
    rounded.backward(torch.full(shape, 0.5))
    assert parameter.grad is not None
    assert (parameter.grad == 0.5).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shape=st.sampled_from(SHAPES), bits=st.sampled_from([4, 8]))
def test_rounding_error_is_at_most_one_step_of_the_matrix(seed: int, shape: tuple[int, ...], bits: int) -> None:
    """Half a step of the block, at the other end a step, and what the 8-bit scale changes."""
    weight, block_format = draw(shape, seed), BlockFormat.choose(bits, *shape[-2:])  # type: ignore[arg-type]
    rounded = round_matrix(weight, block_format)
    steps = np.repeat(np.abs(rounded.compute_scales()), block_format.columns, axis=-1)
    scale_error = block_format.zero_point * 0.51 * rounded.base[..., None, None]
    assert (np.abs(rounded.dequantize() - weight) <= 1.001 * steps + scale_error).all()


@pytest.mark.parametrize("width", [8, 16, 32])
def test_rounding_of_normal_weights_has_the_same_error_for_experts_of_any_width(width: int) -> None:
    weight = np.random.default_rng(width).standard_normal((64, 96, width), np.float32)
    error = round_matrix(weight, BlockFormat.choose(4, 96, width)).dequantize() - weight
    assert 0.06 < np.linalg.norm(error) / np.linalg.norm(weight) < 0.1


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_unpack_is_the_opposite_of_pack(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 16, (3, 5, 8), np.uint8)
    assert pack_values(values).shape == (3, 5, 4)
    np.testing.assert_array_equal(unpack_values(pack_values(values)), values)


def test_rounding_of_zeros_gives_zeros() -> None:
    rounded = round_matrix(np.zeros((2, 4, 8), np.float32), BlockFormat.choose(4, 4, 8))
    assert not rounded.dequantize().any()
    assert (rounded.values == 8).all()


def test_matrices_that_are_not_whole_blocks_and_infinite_weights_are_refused() -> None:
    for shape in [(4, 7), (2, 8), (4, 40), (3, 16)]:
        with pytest.raises(InvalidInput, match="not whole blocks of 32"):
            BlockFormat.choose(4, *shape)
    with pytest.raises(InvalidInput, match="not finite"):
        round_matrix(np.full((4, 8), np.inf, np.float32), BlockFormat.choose(4, 4, 8))
    with pytest.raises(InvalidInput, match="this large"):
        round_matrix(np.full((4, 8), 1e6, np.float32), BlockFormat.choose(4, 4, 8))


def test_count_bytes_of_experts_is_four_and_a_quarter_bits_a_weight() -> None:
    assert count_bytes((128, 576, 8), 4) == 128 * 576 * 8 * 17 // 32 + 4 * 128
