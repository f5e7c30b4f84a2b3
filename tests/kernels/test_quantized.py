"""Products with matrices in 4 and 8 bits compared with the product of the unpacked values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.quantized import int4, int4_format, int8, int8_format
from tests.kernels.interpreted import DEVICE

seeds = st.integers(0, 2**31)


@settings(max_examples=10)
@given(seed=seeds, num_rows=st.integers(1, 20), num_blocks=st.integers(1, 5))
def test_int4_pack_and_dequantize_return_codes_times_scales(seed: int, num_rows: int, num_blocks: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 16, (num_rows, 32 * num_blocks), generator=draw, dtype=torch.uint8)
    scales = torch.randint(0, 256, (num_rows, num_blocks), generator=draw)
    minima = torch.randint(-128, 128, (num_rows, num_blocks), generator=draw)
    factors = torch.rand(num_rows, generator=draw)
    expected = codes.view(num_rows, num_blocks, 32) * scales[..., None] + 16 * minima[..., None]
    values = int4_format.dequantize(int4_format.pack(codes, scales, minima, factors), torch.float32)
    torch.testing.assert_close(values, (expected.float() * factors[:, None, None]).view(num_rows, -1), rtol=1e-5, atol=1e-3)


@settings(max_examples=10)
@given(seed=seeds, offset=st.floats(-3, 3))
def test_int4_error_is_near_that_of_blocks_with_exact_scale_and_minimum(seed: int, offset: float) -> None:
    weight = torch.randn((16, 256), generator=torch.Generator().manual_seed(seed)) + offset
    blocks = weight.view(16, 8, 32)
    steps = (blocks.amax(2) - blocks.amin(2)) / 15
    codes = ((blocks - blocks.amin(2)[..., None]) / steps[..., None]).round()
    exact = (codes * steps[..., None] + blocks.amin(2)[..., None] - blocks).norm()
    error = int4_format.dequantize(int4_format.quantize(weight), torch.float32) - weight
    assert error.norm() < 1.03 * exact


def test_int4_has_four_and_a_half_bits_a_value_and_a_factor_for_each_row() -> None:
    matrix = int4_format.quantize(torch.randn((16, 320), generator=torch.Generator().manual_seed(0)))
    assert matrix.num_bytes == 16 * (320 * 4.5 / 8 + 4)


def test_int4_constant_and_zero_rows_are_kept() -> None:
    weight = torch.tensor([[0.0], [0.37], [-2.0]]).expand(3, 64).contiguous()
    torch.testing.assert_close(int4_format.dequantize(int4_format.quantize(weight), torch.float32), weight, rtol=1e-5, atol=1e-9)


@settings(max_examples=8)
@given(seed=seeds, num_vectors=st.integers(1, 4), num_rows=st.integers(1, 20), num_blocks=st.integers(1, 7))
def test_int4_products_equal_the_product_of_the_values(seed: int, num_vectors: int, num_rows: int, num_blocks: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    matrix = int4_format.quantize(torch.randn((num_rows, 32 * num_blocks), generator=draw).to(DEVICE))
    x = torch.randn((num_vectors, 32 * num_blocks), generator=draw).to(DEVICE)
    x *= 10.0 ** torch.randint(-3, 4, x.shape, generator=draw).to(DEVICE)  # elements of various sizes
    weight = int4_format.dequantize(matrix, torch.float32)
    largest = x.view(num_vectors, num_blocks, 32).abs().amax(2).repeat_interleave(32, 1)
    rounding = largest / 32767 / 2 @ weight.abs().T + 1e-5 * (x.abs() @ weight.abs().T)
    for tile in (int4.Tile(4, 4, 4, 1), int4.Tile(4, 8, 4, 1)):  # in steps, and whole rows
        assert ((int4.multiply_vectors(x, matrix, tile) - x @ weight.T).abs() <= rounding).all()
    batch = int4.multiply_batch(x, matrix, int4.BatchTile(16, 4, 4))
    assert ((batch - x @ weight.T).abs() <= 1e-5 * (x.abs() @ weight.abs().T)).all()


def test_int4_product_with_a_vector_of_zeros_is_zero() -> None:
    matrix = int4_format.quantize(torch.randn((5, 64), generator=torch.Generator().manual_seed(0)).to(DEVICE))
    assert not int4.multiply_vectors(torch.zeros((1, 64), device=DEVICE), matrix).any()


@settings(max_examples=5)
@given(seed=seeds, num_vectors=st.integers(1, 18), num_rows=st.integers(1, 40), num_columns=st.integers(1, 70))
def test_int8_product_equals_the_product_of_the_values(seed: int, num_vectors: int, num_rows: int, num_columns: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn((num_rows, num_columns), generator=draw).to(DEVICE)
    matrix = int8_format.quantize(weight)
    values = int8_format.dequantize(matrix, torch.float32)
    assert ((values - weight).abs() <= 0.51 * matrix.scales_N[:, None]).all()
    x = torch.randn((num_vectors, num_columns), generator=draw).to(DEVICE)
    torch.testing.assert_close(int8.multiply(x, matrix, 16, 32), x @ values.T, rtol=1e-4, atol=1e-4)


def test_int4_pack_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        int4_format.pack(torch.zeros((2, 40), dtype=torch.uint8), torch.zeros((2, 1)), torch.zeros((2, 1)), torch.ones(2))
