"""The router and the routed experts of an MoE layer as ONNX operators; see `reference.moe`.

Names of tensors end in their axes: B sequences, S tokens, T = B * S, D hidden size, E experts, A
experts and null experts, K selected ones, I width of an expert.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from onnx import TensorProto, helper

from mm.models.language.config import LanguageConfig
from mm.models.language.graph.builder import GraphBuilder
from mm.models.language.quantization.blocks import BlockQuantized, Float
from mm.models.language.quantization.experts import quantize_experts
from mm.models.language.reference.router import MIN_SUM

ROUTER, ROUTER_BIAS = "gate.weight", "gate.e_score_correction_bias"
GATE_UP, DOWN = "experts.gate_up_proj", "experts.down_proj"


def add_router(graph: GraphBuilder, x_BSD: str, bias_B1A: str, name: str, config: LanguageConfig) -> str:
    """Weights (T, E) of the real experts: 0 for those that are not selected."""
    router_DA = graph.constant(np.ascontiguousarray(graph.weight(f"{name}.{ROUTER}").T))
    scores_BSA = graph.add("Sigmoid", [graph.add("MatMul", [x_BSD, router_DA])])
    shape = graph.axes(-1, config.num_routed)
    scores_TA = graph.add("Reshape", [scores_BSA, shape])
    biased_TA = graph.add("Reshape", [graph.add("Add", [scores_BSA, bias_B1A]), shape])
    selected_TK = graph.top_k(biased_TA, config.num_experts_per_tok)
    scores_TK = graph.add("GatherElements", [scores_TA, selected_TK], axis=1)
    sum_T1 = graph.add("ReduceSum", [scores_TK, graph.axes(1)], keepdims=1)
    weights_TK = graph.add("Div", [scores_TK, graph.add("Add", [sum_T1, graph.constant(np.float32(MIN_SUM))])])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    zeros_TA = graph.add("ConstantOfShape", [graph.add("Shape", [scores_TA])], value=zero)
    weights_TA = graph.add("ScatterElements", [zeros_TA, selected_TK, weights_TK], axis=1)
    return graph.add("Slice", [weights_TA, graph.axes(0), graph.axes(config.num_experts), graph.axes(1)])


def add_experts(
    graph: GraphBuilder,
    x_BSD: str,
    weights_TE: str,
    name: str,
    config: LanguageConfig,
    quantized: tuple[BlockQuantized, BlockQuantized] | None = None,
) -> str:
    """The weighted sum (B, S, D) of the experts whose weight is not 0.

    `quantized` replaces the weights of INT4 by matrices as from `quantize_experts`, which were
    rounded before.
    """
    gate_up_EID, down_EDI = graph.weight(f"{name}.{GATE_UP}"), graph.weight(f"{name}.{DOWN}")
    if not graph.format.is_quantized:
        return _add_dense(graph, x_BSD, weights_TE, gate_up_EID, down_EDI)
    bits: Literal[4, 8] = 4 if graph.format.precision == "int4" else 8
    stacks = quantized if quantized is not None and bits == 4 else quantize_experts(gate_up_EID, down_EDI, bits)
    return _add_quantized(graph, x_BSD, weights_TE, stacks, config.num_experts_per_tok)


def _add_quantized(
    graph: GraphBuilder, x_BSD: str, weights_TE: str, stacks: tuple[BlockQuantized, BlockQuantized], num_experts_per_tok: int
) -> str:
    """`QMoE`: selects the largest entries of a row, and skips those of at most 1e-8."""
    inputs = [x_BSD, weights_TE]
    for stack in stacks:
        inputs += [graph.constant(stack.packed.reshape(*stack.packed.shape[:2], -1)), graph.constant(stack.scales), ""]
    inputs += [""] * 6 + [weights_TE]
    return graph.add_microsoft(
        "QMoE",
        inputs,
        k=num_experts_per_tok,
        activation_type="swiglu",
        swiglu_fusion=1,
        expert_weight_bits=stacks[0].bits,
        block_size=stacks[0].block_size,
        normalize_routing_weights=0,
        weights_prepacked=0,
        accuracy_level=graph.format.accuracy_level,
    )


def _add_dense(graph: GraphBuilder, x_BSD: str, weights_TE: str, gate_up_EID: Float, down_EDI: Float) -> str:
    """Every expert for every token, as one wide layer whose dimensions are weighted by expert."""
    num_experts, hidden_size, width = down_EDI.shape
    gate_BSX = graph.linear(x_BSD, gate_up_EID[:, :width].reshape(-1, hidden_size))
    up_BSX = graph.linear(x_BSD, gate_up_EID[:, width:].reshape(-1, hidden_size))
    hidden_BSX = graph.add("Mul", [graph.silu(gate_BSX), up_BSX])
    hidden_TEI = graph.add("Reshape", [hidden_BSX, graph.axes(-1, num_experts, width)])
    weighted_TEI = graph.add("Mul", [hidden_TEI, graph.add("Unsqueeze", [weights_TE, graph.axes(2)])])
    weighted_BSX = graph.add("Reshape", [weighted_TEI, graph.add("Shape", [hidden_BSX])])
    return graph.linear(weighted_BSX, np.ascontiguousarray(down_EDI.transpose(1, 0, 2)).reshape(hidden_size, -1))
