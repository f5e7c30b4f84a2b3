"""The operations of the torch runner: Triton kernels on a GPU, their references elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from kernels.experts import reference as experts_reference
from kernels.fused import reference as fused_reference
from kernels.paged_attention import reference as attention_reference
from kernels.paged_attention.reference import PagedCache
from kernels.quantized import int4_format, int8_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from kernels.quantized.int4_format import Int4Matrix
    from kernels.quantized.int8_format import Int8Matrix

MAX_GATHERED_TOKENS = 64
"""Up to here each token reads its experts; above, tokens are sorted by expert."""
PREFILL_TOKENS = 16
"""Tokens of a prompt that a program of the attention kernel computes."""


@dataclass(frozen=True, slots=True, eq=False)
class AttentionStep:
    """Which positions the new tokens attend to, on the device: see `StepBatch`."""

    query_starts_S1: Tensor
    context_lens_S: Tensor
    block_tables_SN: Tensor
    decode_tiles: tuple[Tensor, Tensor]
    """Sequences with one new token, and its row."""
    prefill_tiles: tuple[Tensor, Tensor]
    """Tiles of the others: see `kernels.paged_attention.reference.list_tiles`."""
    num_splits: int
    """Programs that share the context of a decoded token; 1 with prompts."""


@dataclass(frozen=True, slots=True)
class Ops:
    """One implementation of each operation, with the arguments of the references in `kernels`."""

    add_rms_norm: Callable[[Tensor, Tensor | None, Tensor, float], Tensor]
    rotate_and_store: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
    silu_and_multiply: Callable[[Tensor], Tensor]
    attend: Callable[[Tensor, PagedCache, AttentionStep], Tensor]
    score_experts: Callable[[Tensor, Tensor], Tensor]
    select_experts: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
    add_experts: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
    """`apply_experts`, added to the last argument; the result is float32."""
    apply_layer: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, int, tuple[Tensor, Tensor] | None, Tensor | None], Tensor]
    """A whole MoE layer of one vector; see `kernels.experts.reference`."""
    multiply_int4: Callable[[Tensor, Int4Matrix], Tensor]
    multiply_int8: Callable[[Tensor, Int8Matrix], Tensor]


def make_ops(device: torch.device) -> Ops:
    """The operations for a device. Triton is imported for a GPU only."""
    return make_kernel_ops(device) if device.type == "cuda" else REFERENCE_OPS


def _attend_reference(queries_THD: Tensor, cache: PagedCache, step: AttentionStep) -> Tensor:
    return attention_reference.attend(queries_THD, cache, step.query_starts_S1, step.context_lens_S, step.block_tables_SN)


def _add_experts_reference(x: Tensor, indices: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor, base: Tensor) -> Tensor:
    return base + experts_reference.apply_experts(x, indices, weights, gate_up, down)


def multiply_unpacked_int4(x_MK: Tensor, matrix: Int4Matrix) -> Tensor:
    """The product with the values of the matrix, for many vectors."""
    return functional.linear(x_MK, int4_format.dequantize(matrix, x_MK.dtype))


def multiply_unpacked_int8(x_MK: Tensor, matrix: Int8Matrix) -> Tensor:
    """The product with the values of the matrix, for many vectors."""
    return functional.linear(x_MK, int8_format.dequantize(matrix, x_MK.dtype))


REFERENCE_OPS = Ops(
    fused_reference.add_rms_norm,
    fused_reference.rotate_and_store,
    fused_reference.silu_and_multiply,
    _attend_reference,
    experts_reference.score_experts,
    experts_reference.select_experts,
    _add_experts_reference,
    experts_reference.apply_layer,
    multiply_unpacked_int4,
    multiply_unpacked_int8,
)


def make_kernel_ops(device: torch.device) -> Ops:
    """The Triton kernels, for one stream at a time; with `TRITON_INTERPRET=1` they run on a CPU."""
    from kernels.experts import chained, gathered, grouped, select
    from kernels.fused import triton_ops
    from kernels.paged_attention.attention import attend as attend_tiles
    from kernels.quantized import int4, int8

    counter = torch.zeros(1, dtype=torch.int32, device=device)

    def attend(queries_THD: Tensor, cache: PagedCache, step: AttentionStep) -> Tensor:
        out = torch.empty_like(queries_THD)
        places = step.query_starts_S1, step.context_lens_S, step.block_tables_SN
        for tiles, num_tokens in ((step.decode_tiles, 1), (step.prefill_tiles, PREFILL_TOKENS)):
            if len(tiles[0]):
                attend_tiles(queries_THD, cache, *places, *tiles, out, num_tokens, step.num_splits)
        return out

    def add_experts(x: Tensor, indices: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor, base: Tensor) -> Tensor:
        if len(x) <= MAX_GATHERED_TOKENS:
            return gathered.apply_experts(x, indices, weights, gate_up, down, base)
        return base + grouped.apply_experts(x, indices, weights, gate_up, down)

    def apply_layer(
        x: Tensor,
        gate: Tensor,
        bias: Tensor,
        gate_up: Tensor,
        down: Tensor,
        num_selected: int,
        shared: tuple[Tensor, Tensor] | None = None,
        base: Tensor | None = None,
    ) -> Tensor:
        return chained.apply_layer(x, gate, bias, gate_up, down, num_selected, counter, shared, base)

    def multiply_int4(x: Tensor, matrix: Int4Matrix) -> Tensor:
        if len(x) <= int4.MAX_VECTORS:
            return int4.multiply_vectors(x, matrix)
        return int4.multiply_batch(x, matrix) if len(x) <= int4.MAX_BATCH else multiply_unpacked_int4(x, matrix)

    def multiply_int8(x: Tensor, matrix: Int8Matrix) -> Tensor:
        return int8.multiply(x, matrix) if len(x) <= int8.MAX_BATCH else multiply_unpacked_int8(x, matrix)

    return Ops(
        triton_ops.add_rms_norm,
        triton_ops.rotate_and_store,
        triton_ops.silu_and_multiply,
        attend,
        select.score_experts,
        select.select_experts,
        add_experts,
        apply_layer,
        multiply_int4,
        multiply_int8,
    )
