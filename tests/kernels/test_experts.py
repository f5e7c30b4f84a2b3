"""The kernels of routed experts compared with their reference in torch and with the NumPy layer."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.experts import chained, gathered, grouped, reference, select
from kernels.experts.tiles import Tile
from mm.models.language.reference import moe
from mm.models.language.reference.router import Routing, route
from tests.kernels.interpreted import DEVICE

seeds = st.integers(0, 2**31)
shapes = st.tuples(st.integers(1, 5), st.integers(3, 40), st.integers(1, 6), st.integers(0, 2), st.integers(1, 20))
"""Tokens, hidden size, experts, null experts, width of an expert."""


def draw_layer(seed: int, shape: tuple[int, int, int, int, int]) -> tuple[list[torch.Tensor], int]:
    """Vectors, router and experts, all in float32, and the number of selected experts."""
    tokens, width, experts, nulls, inner = shape
    draw = torch.Generator().manual_seed(seed)
    sizes = [(tokens, width), (experts + nulls, width), (experts + nulls,), (experts, 2 * inner, width), (experts, width, inner)]
    num_selected = int(torch.randint(1, min(3, experts + nulls) + 1, (), generator=draw))
    return [torch.randn(size, generator=draw).to(DEVICE) * size[-1] ** -0.5 for size in sizes], num_selected


@settings(max_examples=8)
@given(seed=seeds, shape=shapes, is_bias_per_token=st.booleans())
def test_router_equals_the_reference_and_the_numpy_layer(
    seed: int, shape: tuple[int, int, int, int, int], is_bias_per_token: bool
) -> None:
    (x, gate, bias, *_), num_selected = draw_layer(seed, shape)
    logits = select.score_experts(x, gate)
    torch.testing.assert_close(logits, reference.score_experts(x, gate))
    routing = route(x.cpu().numpy(), gate.cpu().numpy(), bias.cpu().numpy(), num_selected)
    rows = bias.expand(len(x), -1).contiguous() if is_bias_per_token else bias
    for indices, weights in (
        select.select_experts(logits, rows, num_selected),
        reference.select_experts(logits, rows, num_selected),
    ):
        assert indices.dtype == torch.int32
        np.testing.assert_array_equal(indices.cpu().numpy(), routing.indices_TK)
        np.testing.assert_allclose(weights.cpu().numpy(), routing.weights_TK, rtol=1e-5)


@settings(max_examples=8)
@given(seed=seeds, shape=shapes)
def test_experts_gathered_and_grouped_equal_the_reference_and_the_numpy_layer(
    seed: int, shape: tuple[int, int, int, int, int]
) -> None:
    (x, gate, bias, gate_up, down), num_selected = draw_layer(seed, shape)
    indices, weights = reference.select_experts(reference.score_experts(x, gate), bias, num_selected)
    expected = reference.apply_experts(x, indices, weights, gate_up, down)
    routing = Routing(np.zeros(0, np.float32), indices.cpu().numpy().astype(np.int64), weights.cpu().numpy())
    in_numpy = moe.apply_experts(x.cpu().numpy(), routing, gate_up.cpu().numpy(), down.cpu().numpy())
    np.testing.assert_allclose(expected.cpu().numpy(), in_numpy, rtol=1e-4, atol=1e-5)
    tiles = gathered.Tiles(Tile(4, 16, 4), Tile(2, 8, 4))
    torch.testing.assert_close(
        gathered.apply_experts(x, indices, weights, gate_up, down, tiles=tiles), expected, rtol=1e-4, atol=1e-5
    )
    tile = grouped.Tile(pairs=16, rows=16, columns=32)
    torch.testing.assert_close(grouped.apply_experts(x, indices, weights, gate_up, down, tile), expected, rtol=1e-4, atol=1e-5)


def test_gathered_experts_are_added_to_a_given_base() -> None:
    (x, _, _, gate_up, down), _ = draw_layer(1, (2, 8, 2, 0, 4))
    indices, weights = torch.tensor([[0], [1]], dtype=torch.int32, device=DEVICE), torch.ones(2, 1, device=DEVICE)
    out = gathered.apply_experts(x, indices, weights, gate_up, down, torch.ones_like(x))
    torch.testing.assert_close(out, 1 + reference.apply_experts(x, indices, weights, gate_up, down))


def test_experts_of_tokens_with_null_experts_only_are_zero() -> None:
    (x, _, _, gate_up, down), _ = draw_layer(2, (3, 8, 2, 2, 4))
    indices = torch.tensor([[2, 3]] * 3, dtype=torch.int32, device=DEVICE)
    weights = torch.full((3, 2), 0.5, device=DEVICE)
    for apply in (reference.apply_experts, gathered.apply_experts, grouped.apply_experts):
        assert not apply(x, indices, weights, gate_up, down).any()


@settings(max_examples=30)
@given(seed=seeds, num_experts=st.integers(1, 9), num_pairs=st.integers(1, 50), tile_size=st.sampled_from([1, 4, 16]))
def test_group_pairs_puts_each_pair_of_a_real_expert_in_one_tile_of_it(
    seed: int, num_experts: int, num_pairs: int, tile_size: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    indices = torch.randint(0, num_experts + 2, (num_pairs, 1), generator=draw)
    groups = grouped.group_pairs(indices, num_experts, tile_size)
    assigned: list[int] = []
    for expert, start in zip(groups.tile_experts_M.tolist(), groups.tile_starts_M.tolist(), strict=True):
        if expert < num_experts:
            pairs = groups.order_P[start : min(start + tile_size, int(groups.ends_E[expert]))]
            assert pairs.numel()
            assert (indices[pairs.long(), 0] == expert).all()
            assigned += pairs.tolist()
    assert sorted(assigned) == (indices[:, 0] < num_experts).nonzero()[:, 0].tolist()


@settings(max_examples=12)
@given(seed=seeds, shape=shapes, num_shared=st.integers(0, 20), has_base=st.booleans(), is_wide=st.booleans())
def test_layer_of_one_vector_equals_the_reference(
    seed: int, shape: tuple[int, int, int, int, int], num_shared: int, has_base: bool, is_wide: bool
) -> None:
    (x, gate, bias, gate_up, down), num_selected = draw_layer(seed, (1, *shape[1:]))
    width, draw = shape[1], torch.Generator().manual_seed(seed)
    matrices = [torch.randn(size, generator=draw).to(DEVICE) * 0.3 for size in ((2 * num_shared, width), (width, num_shared))]
    shared = (matrices[0], matrices[1]) if num_shared else None
    base = torch.randn((1, width), generator=draw).to(DEVICE) if has_base else None
    expected = reference.apply_layer(x, gate, bias, gate_up, down, num_selected, shared, base)
    columns = 64 if is_wide else 4
    tiles = chained.Tiles(Tile(4, columns, 4), 2, Tile(2, columns, 4), Tile(4, 8, 4))
    counter = torch.zeros(1, dtype=torch.int32, device=x.device)
    for _ in range(2):
        out = chained.apply_layer(x, gate, bias, gate_up, down, num_selected, counter, shared, base, tiles)
        torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
        assert not counter.any()


def test_layer_of_one_vector_with_many_columns_equals_the_reference() -> None:
    (x, gate, bias, gate_up, down), _ = draw_layer(7, (1, 24, 5, 1, 100))
    counter = torch.zeros(1, dtype=torch.int32, device=x.device)
    tiles = chained.Tiles(Tile(4, 16, 4), 2, Tile(4, 16, 4), Tile(4, 32, 4))
    out = chained.apply_layer(x, gate, bias, gate_up, down, 3, counter, tiles=tiles)
    torch.testing.assert_close(out, reference.apply_layer(x, gate, bias, gate_up, down, 3), rtol=1e-4, atol=1e-5)
