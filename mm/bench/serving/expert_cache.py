"""Experts in host memory with slots on the device, beside all experts on the device.

MoE layers of a published shape with random weights, one after another with a residual, at batch 1.
Consecutive vectors have the correlation `CORRELATION`: they select some of the same experts,
as consecutive tokens of a text do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mm.bench.serving.kernel_speeds import DEVICE, make_moe_layer
from mm.bench.serving.shapes import MOE_SHAPES, MoEShape
from mm.generation.runners.expert_cache import ExpertCache, HostExperts
from mm.generation.runners.torch_model import select
from mm.generation.runners.torch_ops import make_ops

if TYPE_CHECKING:
    from mm.generation.runners.torch_model import Experts

NUM_LAYERS = 6
NUM_TOKENS, NUM_WARM_UP = 48, 16
CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One way to hold the experts of `NUM_LAYERS` layers."""

    name: str
    slots_share: float
    """Slots, of all experts."""
    layer_us: float
    """Mean time of a layer."""
    hit_rate: float
    useful_prefetches: float
    """Share of the experts copied for a prediction that the next layer needed."""
    largest_difference: float
    """Of the result to that with all experts on the device, relative."""


def measure_expert_cache(shape: MoEShape = MOE_SHAPES[1], shares: tuple[float, ...] = (0.5, 0.25)) -> list[CacheRow]:
    """All on the device; then, for each share of slots, without and with prefetch."""
    layers = [layer.experts for layer in (make_moe_layer(shape) for _ in range(NUM_LAYERS)) if layer.experts is not None]
    hosts = [HostExperts(experts.gate_up_EIW.cpu().pin_memory(), experts.down_EWI.cpu().pin_memory()) for experts in layers]
    noise = torch.randn(NUM_TOKENS + NUM_WARM_UP, 1, shape.hidden_size, device=DEVICE)
    vectors = [noise[0]]
    for values in noise[1:]:
        vectors.append(CORRELATION * vectors[-1] + (1 - CORRELATION**2) ** 0.5 * values)
    exact, seconds = _run(shape, layers, vectors, None, has_prefetch=False)
    rows = [CacheRow("all on the device", 1.0, seconds * 1e6, 1.0, 0.0, 0.0)]
    for share in shares:
        for has_prefetch in (False, True):
            num_slots = int(share * NUM_LAYERS * shape.num_experts)
            cache = ExpertCache(hosts, num_slots, shape.num_experts_per_tok, DEVICE)
            results, seconds = _run(shape, layers, vectors, cache, has_prefetch)
            counts = cache.counts
            rows.append(
                CacheRow(
                    "slots with prefetch" if has_prefetch else "slots",
                    share,
                    seconds * 1e6,
                    counts.hit_rate,
                    counts.num_useful_prefetches / max(1, counts.num_prefetched),
                    float((results - exact).norm() / exact.norm()),
                )
            )
            del cache
    return rows


def _run(
    shape: MoEShape, layers: list[Experts], vectors: list[torch.Tensor], cache: ExpertCache | None, has_prefetch: bool
) -> tuple[torch.Tensor, float]:
    """The results of all vectors, and the mean seconds of a layer after the warm-up."""
    ops, results, start = make_ops(DEVICE), [], 0.0
    for i, vector in enumerate(vectors):
        if i == NUM_WARM_UP:
            torch.cuda.synchronize()
            start = time.perf_counter()
        x = vector.clone()
        norm = torch.ones(shape.hidden_size, device=DEVICE, dtype=torch.float16)
        for number, experts in enumerate(layers):
            normalized = ops.add_rms_norm(x, None, norm, 1e-5)
            indices, weights = select(ops, experts, normalized, shape.num_experts_per_tok)
            if cache is None:
                x = ops.add_experts(normalized, indices, weights, experts.gate_up_EIW, experts.down_EWI, x)
                continue
            predicted = None
            if has_prefetch and number + 1 < len(layers):
                predicted = select(ops, layers[number + 1], normalized, shape.num_experts_per_tok)[0]
            x = cache.add_experts(ops, number, normalized, indices, weights, x, predicted)
        results.append(x.clone())
    torch.cuda.synchronize()
    return torch.stack(results), (time.perf_counter() - start) / NUM_TOKENS / len(layers)
