"""The attention kernel compared with the reference implementation, forward and backward.

On a machine without a GPU the interpreter of Triton runs it.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.windows import BLOCK, Windows, make_windows
from tests.kernels.interpreted import DENSE, DEVICE, LOCAL, WIDE, Tiles, windowed_attention, windowed_attention_torch


def make(seed: int, lengths: list[int], seconds: float, num_global: int, width: int = 16) -> tuple[list[torch.Tensor], Windows]:
    """Random queries, keys, values and output gradient, and windows with gaps between times."""
    draw = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    steps = torch.rand((len(lengths), longest), generator=draw) ** 3 * 2
    times = steps.cumsum(dim=1)
    tensors = [torch.randn((len(lengths), 2, longest, width), generator=draw).to(DEVICE) for _ in range(4)]
    return tensors, make_windows(times.to(DEVICE), seconds, num_global=num_global, lengths_B=torch.tensor(lengths).to(DEVICE))


def run_both(tensors: list[torch.Tensor], windows: Windows, tiles: Tiles = WIDE) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Output and gradients of the reference implementation in float64, and of the kernel."""
    results = []
    tiled = partial(windowed_attention, tiles=tiles)
    for attention, dtype in ((windowed_attention_torch, torch.float64), (tiled, torch.float32)):
        q, k, v = (tensor.to(dtype).clone().requires_grad_() for tensor in tensors[:3])
        out = attention(q, k, v, windows)
        results.append([out.detach(), *torch.autograd.grad(out, (q, k, v), tensors[3].to(dtype))])
    return list(zip(*results, strict=True))


def error(expected: torch.Tensor, computed: torch.Tensor) -> float:
    assert bool(torch.isfinite(computed).all())
    return float((expected - computed).norm() / expected.norm().clamp(min=1.0))


@settings(max_examples=5)
@given(
    seed=st.integers(0, 2**31),
    lengths=st.lists(st.integers(3, BLOCK + 40), min_size=1, max_size=2),
    seconds=st.sampled_from([0.0, 0.7, 5.0, 40.0, 1e6]),
    num_global=st.integers(0, 3),
    tiles=st.sampled_from([DENSE, LOCAL, WIDE]),
)
def test_windowed_attention_equals_the_reference(
    seed: int, lengths: list[int], seconds: float, num_global: int, tiles: Tiles
) -> None:
    for expected, computed in run_both(*make(seed, lengths, seconds, num_global), tiles):
        assert error(expected, computed) < 1e-5


def test_windowed_attention_skips_keys_between_global_tokens_and_window() -> None:
    tensors, windows = make(1, [4 * BLOCK], 1.0, 1)
    assert int(windows.first_BN[0, -1]) >= 2 * BLOCK
    for expected, computed in run_both(tensors, windows):
        assert error(expected, computed) < 1e-5


def test_windowed_attention_padding_is_zero_and_has_no_effect() -> None:
    tensors, windows = make(2, [70, 20], 3.0, 1)
    out = windowed_attention(*tensors[:3], windows)
    assert not out[1, :, 20:].any()
    for tensor in tensors[:3]:
        tensor[1, :, 20:] = 1e4
    assert torch.equal(windowed_attention(*tensors[:3], windows)[1, :, :20], out[1, :, :20])


def test_windowed_attention_with_a_full_window_is_dense_attention() -> None:
    tensors, windows = make(3, [100], 1e6, 0)
    dense = torch.nn.functional.scaled_dot_product_attention(*tensors[:3])
    assert windows.density == 1.0
    assert error(dense, windowed_attention(*tensors[:3], windows)) < 1e-5


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), length=st.integers(1, 200), seconds=st.floats(0, 30), num_global=st.integers(0, 1))
def test_make_windows_ranges_contain_all_attending_pairs(seed: int, length: int, seconds: float, num_global: int) -> None:
    times = (torch.rand((1, length), generator=torch.Generator().manual_seed(seed)) * 3).cumsum(dim=1)
    windows = make_windows(times, seconds, num_global=num_global)
    index = torch.arange(length)
    first, last = windows.first_BN[0][index // BLOCK], windows.last_BN[0][index // BLOCK]
    in_range = (index >= first[:, None]) & (index < last[:, None]) | (index < num_global)
    assert not bool((windows.attention_mask()[0] & ~in_range).any())
    first, last = windows.full_first_BN[0][index // BLOCK], windows.full_last_BN[0][index // BLOCK]
    unmasked = (index >= first[:, None]) & (index < last[:, None])
    assert bool(windows.attention_mask()[0][unmasked].all())


def test_windowed_attention_invalid_arguments_are_refused() -> None:
    tensors, windows = make(4, [10], 1.0, 0)
    with pytest.raises(ValueError, match="do not ascend"):
        make_windows(torch.tensor([[0.0, 2.0, 1.0]]), 1.0)
    with pytest.raises(ValueError, match="do not fit 3 tokens"):
        make_windows(torch.zeros((1, 3)), 1.0, lengths_B=torch.tensor([4]))
    with pytest.raises(ValueError, match="do not fit together"):
        windowed_attention(tensors[0][:, :, :5], tensors[1], tensors[2], windows)
    with pytest.raises(ValueError, match="width 10"):
        windowed_attention(*(tensor[..., :10] for tensor in tensors[:3]), windows)
