"""Experts in a few slots compared with all experts on the device."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.experts.reference import apply_experts
from mm.errors import InvalidInput
from mm.generation.runners.expert_cache import ExpertCache, HostExperts
from mm.generation.runners.torch_ops import REFERENCE_OPS

CPU = torch.device("cpu")
NUM_EXPERTS, NUM_NULLS, NUM_SELECTED, WIDTH, INNER = 6, 2, 3, 5, 4


def make_layers(count: int, seed: int) -> list[HostExperts]:
    draw = torch.Generator().manual_seed(seed)
    return [
        HostExperts(
            torch.randn((NUM_EXPERTS, 2 * INNER, WIDTH), generator=draw), torch.randn((NUM_EXPERTS, WIDTH, INNER), generator=draw)
        )
        for _ in range(count)
    ]


def draw_indices(draw: torch.Generator, num_tokens: int) -> torch.Tensor:
    return torch.stack([torch.randperm(NUM_EXPERTS + NUM_NULLS, generator=draw)[:NUM_SELECTED] for _ in range(num_tokens)]).int()


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**31),
    num_slots=st.integers(NUM_SELECTED, 20),
    steps=st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=6),
)
def test_expert_cache_equals_all_experts_on_the_device(seed: int, num_slots: int, steps: list[tuple[int, bool]]) -> None:
    layers = make_layers(3, seed)
    cache = ExpertCache(layers, num_slots, NUM_SELECTED, CPU)
    draw = torch.Generator().manual_seed(seed)
    num_needed = 0
    for num_tokens, has_prediction in steps:
        for number, layer in enumerate(layers):
            x, out = torch.randn((num_tokens, WIDTH), generator=draw), torch.randn((num_tokens, WIDTH), generator=draw)
            indices, weights = draw_indices(draw, num_tokens), torch.rand((num_tokens, NUM_SELECTED), generator=draw)
            predicted = draw_indices(draw, num_tokens) if has_prediction and number < 2 else None
            expected = out + apply_experts(x, indices, weights, layer.gate_up_EIW, layer.down_EWI)
            computed = cache.add_experts(REFERENCE_OPS, number, x, indices, weights, out, predicted)
            torch.testing.assert_close(computed, expected)
            num_needed += len(indices[indices < NUM_EXPERTS].unique())
    assert cache.counts.num_hits + cache.counts.num_misses >= num_needed  # tokens in several parts need some again
    assert cache.counts.num_useful_prefetches <= cache.counts.num_prefetched


def run_once(cache: ExpertCache, layer: int, experts: list[int], predicted: list[int] | None = None) -> None:
    x = torch.ones((1, WIDTH))
    after = None if predicted is None else torch.tensor([predicted])
    cache.add_experts(REFERENCE_OPS, layer, x, torch.tensor([experts]), torch.ones((1, len(experts))), x.clone(), after)


def test_expert_cache_evicts_the_least_recently_used() -> None:
    cache = ExpertCache(make_layers(1, 0), 3, 1, CPU)
    for expert in (0, 1, 2, 0, 3, 0):
        run_once(cache, 0, [expert])
    assert (cache.counts.num_hits, cache.counts.num_misses) == (2, 4)
    run_once(cache, 0, [1])
    assert cache.counts.num_misses == 5


def test_expert_cache_prefetch_makes_the_next_layer_hit() -> None:
    cache = ExpertCache(make_layers(2, 0), 4, 2, CPU)
    run_once(cache, 0, [0, 1], predicted=[2, 3])
    run_once(cache, 1, [2, 4])
    assert (cache.counts.num_hits, cache.counts.num_misses) == (1, 3)
    assert (cache.counts.num_prefetched, cache.counts.num_useful_prefetches) == (2, 1)


def test_expert_cache_with_fewer_slots_than_experts_of_a_token_is_refused() -> None:
    with pytest.raises(InvalidInput, match="2 expert slots"):
        ExpertCache(make_layers(1, 0), 2, 3, CPU)
