"""The fused kernels compared with their reference in torch, on new random input."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.fused import reference, triton_ops
from tests.kernels.interpreted import DEVICE

seeds = st.integers(0, 2**31)


def draw_tensor(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


@settings(max_examples=6)
@given(seed=seeds, num_tokens=st.integers(1, 3), width=st.integers(2, 70), has_delta=st.booleans())
def test_add_rms_norm_equals_the_reference(seed: int, num_tokens: int, width: int, has_delta: bool) -> None:
    x, delta, weight = (draw_tensor(seed + i, *shape) for i, shape in enumerate([(num_tokens, width)] * 2 + [(width,)]))
    residuals = x.clone(), x.clone()
    expected, computed = (
        norm(residual, delta if has_delta else None, weight, 1e-5)
        for norm, residual in zip((reference.add_rms_norm, triton_ops.add_rms_norm), residuals, strict=True)
    )
    torch.testing.assert_close(computed, expected)
    torch.testing.assert_close(residuals[1], residuals[0])
    assert torch.equal(residuals[0], x + delta if has_delta else x)


@settings(max_examples=6)
@given(
    seed=seeds,
    heads=st.sampled_from([(1, 1, 8), (6, 2, 10), (9, 3, 16)]),
    slots=st.lists(st.integers(0, 19), unique=True, max_size=4),
)
def test_rotate_and_store_equals_the_reference(seed: int, heads: tuple[int, int, int], slots: list[int]) -> None:
    num_heads, num_kv_heads, width = heads
    slots = [*slots, -1]
    qkv = draw_tensor(seed, len(slots), (num_heads + 2 * num_kv_heads) * width)
    angles = draw_tensor(seed + 1, 32, width // 2)
    positions = torch.randint(0, 32, (len(slots),), generator=torch.Generator().manual_seed(seed)).int().to(DEVICE)
    results = []
    for rotate in (reference.rotate_and_store, triton_ops.rotate_and_store):
        caches = [torch.full((20, num_kv_heads, width), 7.0, device=DEVICE) for _ in range(2)]
        queries = rotate(
            qkv, positions, torch.tensor(slots, dtype=torch.int32, device=DEVICE), angles.cos(), angles.sin(), *caches
        )
        results.append([queries, *caches])
    for expected, computed in zip(*results, strict=True):
        torch.testing.assert_close(computed, expected)


@pytest.mark.parametrize("width", [3, 64, 1100])
def test_silu_and_multiply_equals_the_reference(width: int) -> None:
    gate_up = draw_tensor(torch.seed() % 2**31, 2, 2 * width)
    torch.testing.assert_close(triton_ops.silu_and_multiply(gate_up), reference.silu_and_multiply(gate_up))
