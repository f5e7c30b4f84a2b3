"""Kernels of decoding at batch 1 beside the measured bandwidth and beside half precision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from kernels.quantized import int4, int4_format, int8, int8_format
from mm.bench.serving.gpu_timing import count_copies, measure_each, report_progress
from mm.bench.serving.shapes import MATRIX_SHAPES, MOE_SHAPES, MoEShape
from mm.generation.runners.torch_model import Experts, Layer, select
from mm.generation.runners.torch_ops import Ops, make_ops

if TYPE_CHECKING:
    from torch import Tensor

DEVICE = torch.device("cuda")


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """The product of vectors and one matrix in three precisions."""

    name: str
    rows: int
    columns: int
    batch: int
    half_us: float
    int8_us: float
    int4_us: float
    int4_bandwidth_share: float
    """Bytes of the matrix in 4 bits per second, of the measured bandwidth."""

    @property
    def int4_speedup(self) -> float:
        return self.half_us / self.int4_us


@dataclass(frozen=True, slots=True)
class MoERow:
    """One MoE layer at batch 1."""

    name: str
    num_real_experts: float
    """Mean of the tokens of the measurement."""
    megabytes: float
    """Weights that a token needs: router, shared and selected experts."""
    us: float
    """With launches that overlap."""
    separate_us: float
    """With one launch for each step, as for several tokens."""
    bandwidth_share: float
    """Of `us`."""


def draw_half(*shape: int) -> Tensor:
    """Normal numbers of the variance 1 / columns."""
    return torch.randn(shape, device=DEVICE, dtype=torch.float16).mul_(shape[-1] ** -0.5)


def measure_matrices(bandwidth: float) -> list[MatrixRow]:
    """`bandwidth` in bytes a second."""
    return [measure_matrix(*shape, batch, bandwidth) for shape in MATRIX_SHAPES for batch in (1, 8)]


def measure_matrix(name: str, rows: int, columns: int, batch: int, bandwidth: float) -> MatrixRow:
    """Each precision with its own launch parameters."""
    count = count_copies(rows * columns // 2)
    x = torch.randn(batch, columns, device=DEVICE, dtype=torch.float16)
    weights = [draw_half(rows, columns) for _ in range(min(count, count_copies(2 * rows * columns)))]
    half = measure_each([partial(functional.linear, x, weight) for weight in weights])
    matrices8 = [int8_format.quantize(weight) for weight in weights] * max(1, count // len(weights))
    eight = measure_each([partial(int8.multiply, x, matrix) for matrix in matrices8])
    del matrices8
    first = int4_format.quantize(weights[0])
    del weights
    matrices = [
        int4_format.Int4Matrix(first.words_NBW.clone(), first.ranges_NB.clone(), first.factors_N.clone()) for _ in range(count)
    ]
    multiply = int4.multiply_vectors if batch <= int4.MAX_VECTORS else int4.multiply_batch
    four = measure_each([partial(multiply, x, matrix) for matrix in matrices])
    report_progress(f"{name}, batch {batch}: {half * 1e6:.1f}, {eight * 1e6:.1f}, {four * 1e6:.1f} us")
    return MatrixRow(name, rows, columns, batch, half * 1e6, eight * 1e6, four * 1e6, first.num_bytes / four / bandwidth)


def make_moe_layer(shape: MoEShape) -> Layer:
    """An MoE layer of random weights in half precision, without attention."""
    routed = shape.num_experts + shape.num_null_experts
    width, shared = shape.hidden_size, max(1, shape.shared_intermediate_size)
    gate_up, down = draw_half(2 * shared, width), draw_half(width, shared)
    experts = Experts(
        gate_RW=draw_half(routed, width).float(),
        bias_R=torch.zeros(routed, device=DEVICE),
        gate_up_EIW=torch.stack([draw_half(2 * shape.moe_intermediate_size, width) for _ in range(shape.num_experts)]),
        down_EWI=torch.stack([draw_half(width, shape.moe_intermediate_size) for _ in range(shape.num_experts)]),
        all_down_WI=None,
    )
    norm = torch.ones(width, device=DEVICE, dtype=torch.float16)
    linears = partial(functional.linear, weight=gate_up), partial(functional.linear, weight=down)
    matrices = (gate_up, down) if shape.shared_intermediate_size else None
    return Layer(norm, _none, _none, norm, *linears, experts, matrices)


def _none(x: Tensor) -> Tensor:
    return x


def measure_moe_layers(bandwidth: float) -> list[MoERow]:
    """Each layer of tokens that select various experts of layers that exceed the cache together."""
    return [measure_moe_layer(shape, bandwidth) for shape in MOE_SHAPES]


def measure_moe_layer(shape: MoEShape, bandwidth: float) -> MoERow:
    """The whole layer, with launches that overlap and step by step."""
    ops = make_ops(DEVICE)
    expert_bytes = 2 * 3 * shape.hidden_size * shape.moe_intermediate_size
    shared_bytes = 2 * 3 * shape.hidden_size * shape.shared_intermediate_size
    router_bytes = 4 * shape.hidden_size * (shape.num_experts + shape.num_null_experts)
    layers = [make_moe_layer(shape) for _ in range(count_copies(shape.num_experts * expert_bytes + shared_bytes))]
    tokens = [torch.randn(1, shape.hidden_size, device=DEVICE, dtype=torch.float16) for _ in range(48)]
    pairs = [(layers[number % len(layers)], x) for number, x in enumerate(tokens)]
    num_real = 0.0
    for layer, x in pairs:
        indices, _ = _select(ops, layer, x, shape)
        num_real += float((indices < shape.num_experts).sum()) / len(tokens)
    seconds = measure_each([partial(_run_overlapping, ops, layer, x, shape) for layer, x in pairs])
    separate = measure_each([partial(_run_separate, ops, layer, x, shape) for layer, x in pairs])
    num_bytes = num_real * expert_bytes + shared_bytes + router_bytes
    return MoERow(shape.name, num_real, num_bytes / 1e6, seconds * 1e6, separate * 1e6, num_bytes / seconds / bandwidth)


def _select(ops: Ops, layer: Layer, x: Tensor, shape: MoEShape) -> tuple[Tensor, Tensor]:
    assert layer.experts is not None
    return select(ops, layer.experts, x, shape.num_experts_per_tok)


def _run_overlapping(ops: Ops, layer: Layer, x: Tensor, shape: MoEShape) -> Tensor:
    experts = layer.experts
    assert experts is not None
    weights = experts.gate_RW, experts.bias_R, experts.gate_up_EIW, experts.down_EWI
    return ops.apply_layer(x, *weights, shape.num_experts_per_tok, layer.matrices, None)


def _run_separate(ops: Ops, layer: Layer, x: Tensor, shape: MoEShape) -> Tensor:
    """As with more than one token."""
    experts = layer.experts
    assert experts is not None
    base = layer.down(ops.silu_and_multiply(layer.gate_up(x))) if layer.matrices else torch.zeros_like(x, dtype=torch.float32)
    return ops.add_experts(x, *_select(ops, layer, x, shape), experts.gate_up_EIW, experts.down_EWI, base)
