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
    scales = torch.rand((num_rows, num_blocks), generator=draw)
    minima = torch.randn((num_rows, num_blocks), generator=draw)
    expected = codes.view(num_rows, num_blocks, 32).float() * scales[..., None] + minima[..., None]
    assert torch.equal(
        int4_format.dequantize(int4_format.pack(codes, scales, minima), torch.float32), expected.view(num_rows, -1)
    )


def test_int4_quantize_error_is_at_most_half_a_step() -> None:
    weight = torch.randn((16, 64), generator=torch.Generator().manual_seed(0))
    matrix = int4_format.quantize(weight, torch.float32)
    error = (int4_format.dequantize(matrix, torch.float32) - weight).view(16, 2, 32).abs().amax(2)
    assert (error <= 0.501 * matrix.scales_NB).all()


@settings(max_examples=8)
@given(seed=seeds, num_vectors=st.integers(1, 4), num_rows=st.integers(1, 20), num_blocks=st.integers(1, 7))
def test_int4_products_equal_the_product_of_the_values(seed: int, num_vectors: int, num_rows: int, num_blocks: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    matrix = int4_format.quantize(torch.randn((num_rows, 32 * num_blocks), generator=draw).to(DEVICE), torch.float32)
    x = torch.randn((num_vectors, 32 * num_blocks), generator=draw).to(DEVICE)
    expected = x @ int4_format.dequantize(matrix, torch.float32).T
    few, many = int4.Tile(4, 4, 4), int4.Tile(16, 4, 4)
    torch.testing.assert_close(int4.multiply_vectors(x, matrix, few), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(int4.multiply_batch(x, matrix, many), expected, rtol=1e-4, atol=1e-4)


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
        int4_format.pack(torch.zeros((2, 40), dtype=torch.uint8), torch.zeros((2, 1)), torch.zeros((2, 1)))
