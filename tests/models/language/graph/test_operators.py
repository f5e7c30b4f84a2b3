"""Products, router and experts by themselves, compared with the reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mm.models.language.graph.moe import add_experts, add_router
from mm.models.language.graph.weight_format import Precision, WeightFormat
from mm.models.language.quantization.blocks import quantize_blocks
from mm.models.language.quantization.offsets import quantize_with_offsets
from mm.models.language.quantization.rows import multiply_rows, quantize_rows
from mm.models.language.reference.router import route
from mm.models.language.reference.swiglu import swiglu
from tests.models.language.graph.one_operator import run_graph
from tests.models.language.graph.small import MOE, NEEDS_DOT_PRODUCTS, Weights, round_to
from tests.models.language.models import random_weights

NAME = "model.layers.1.mlp"
FP32 = WeightFormat("fp32")
FORMATS = [
    (FP32, 1e-6),
    (WeightFormat("fp16"), 1e-6),
    (WeightFormat("int4", int8_activations=False), 1e-6),
    (WeightFormat("int4"), 0.02),
    (WeightFormat("int8"), 0.02),
]
"""Formats, and the relative error that each allows."""
EACH_FORMAT = pytest.mark.parametrize(("weight_format", "limit"), FORMATS, ids=[of.describe() for of, _ in FORMATS])


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


@EACH_FORMAT
def test_linear_equals_the_product_with_the_rounded_matrix(tmp_path: Path, weight_format: WeightFormat, limit: float) -> None:
    rng = np.random.default_rng(7)
    weight, x = rng.uniform(0, 1, (24, 96)).astype(np.float32), rng.standard_normal((2, 5, 96)).astype(np.float32)
    actual = run_graph(tmp_path, weight_format, lambda graph: graph.linear("x", weight), x=x)
    rounded = {
        "fp32": weight,
        "fp16": weight.astype(np.float16),
        "int4": quantize_with_offsets(weight).dequantize(),
        "int8": quantize_blocks(weight, 8).dequantize(),
    }[weight_format.precision]
    assert relative_error(actual, x.astype(np.float64) @ rounded.astype(np.float64).T) < limit


@NEEDS_DOT_PRODUCTS
@pytest.mark.parametrize("precision", ["int4", "int8"])
@pytest.mark.parametrize("is_precise", [False, True])
def test_linear_by_row_equals_the_reference_for_tokens_of_any_magnitude(
    tmp_path: Path, precision: Precision, is_precise: bool
) -> None:
    rng = np.random.default_rng(8)
    weight = rng.standard_normal((24, 96), np.float32)
    x = rng.standard_normal((2, 5, 96), np.float32) * np.float32(10.0) ** rng.integers(-6, 7, (2, 5, 1)).astype(np.float32)
    x[0, 0] = 0
    weight_format = WeightFormat(precision, is_by_row=True)
    actual = run_graph(tmp_path, weight_format, lambda graph: graph.linear("x", weight, is_precise=is_precise), x=x)
    is_4_bits = precision == "int4" and not is_precise
    rounded = quantize_with_offsets(weight).dequantize() if is_4_bits else quantize_blocks(weight, 8).dequantize()
    expected = multiply_rows(x.reshape(-1, 96), quantize_rows(rounded)).reshape(2, 5, 24)
    for token, expected_token in zip(actual.reshape(-1, 24), expected.reshape(-1, 24), strict=True):
        np.testing.assert_allclose(token, expected_token, atol=1e-3 * float(np.abs(expected_token).max()))
    alone = run_graph(tmp_path, weight_format, lambda graph: graph.linear("x", weight, is_precise=is_precise), x=x[1:, 3:4])
    np.testing.assert_array_equal(alone[0, 0], actual[1, 3])


@pytest.mark.parametrize("num_null_experts", [0, 1, 2, 6])
def test_router_equals_reference(tmp_path: Path, num_null_experts: int) -> None:
    config = replace(MOE, num_null_experts=num_null_experts)
    rng, weights = np.random.default_rng(2), random_weights(config, 1)
    x = rng.standard_normal((4, 25, config.hidden_size)).astype(np.float32)
    bias = rng.uniform(-0.2, 0.2, (4, 1, config.num_routed)).astype(np.float32)
    actual = run_graph(tmp_path, FP32, lambda graph: add_router(graph, "x", "bias", NAME, config), weights, x=x, bias=bias)
    expected = np.zeros((100, config.num_routed), np.float32)
    for sequence in range(4):
        routing = route(x[sequence], weights[f"{NAME}.gate.weight"], bias[sequence, 0], config.num_experts_per_tok)
        rows = expected[25 * sequence : 25 * sequence + 25]
        np.put_along_axis(rows, routing.indices_TK, routing.weights_TK, axis=1)
    np.testing.assert_allclose(actual, expected[:, : config.num_experts], atol=1e-6)


def test_router_scores_of_zero_give_no_nan(tmp_path: Path) -> None:
    weights = random_weights(MOE, 3)
    weights[f"{NAME}.gate.weight"][:] = -100
    inputs = {"x": np.ones((1, 2, MOE.hidden_size), np.float32), "bias": np.zeros((1, 1, MOE.num_routed), np.float32)}
    actual = run_graph(tmp_path, FP32, lambda graph: add_router(graph, "x", "bias", NAME, MOE), weights, **inputs)
    assert np.isfinite(actual).all()


def apply_reference(x_SD: np.ndarray, weights_SE: np.ndarray, weights: Weights, width: int) -> np.ndarray:
    gate_up, down = (weights[f"{NAME}.experts.{part}"].astype(np.float64) for part in ("gate_up_proj", "down_proj"))
    total = np.zeros(x_SD.shape)
    for expert in range(len(down)):
        output = swiglu(x_SD.astype(np.float64), gate_up[expert, :width], gate_up[expert, width:], down[expert])
        total += weights_SE[:, expert, None] * output
    return total


@EACH_FORMAT
@pytest.mark.parametrize("width", [8, 16, 32])
def test_experts_of_zero_to_three_weights_equal_reference(
    tmp_path: Path, weight_format: WeightFormat, limit: float, width: int
) -> None:
    config = replace(MOE, moe_intermediate_size=width)
    rng, weights = np.random.default_rng(5), random_weights(config, 4)
    x_BSD = rng.standard_normal((1, 40, config.hidden_size)).astype(np.float32)
    weights_TE = np.zeros((40, config.num_experts), np.float32)
    for row in range(40):
        weights_TE[row, rng.choice(config.num_experts, row % 4, replace=False)] = rng.uniform(0.1, 1, row % 4)
    actual = run_graph(
        tmp_path, weight_format, lambda graph: add_experts(graph, "x", "w", NAME, config), weights, x=x_BSD, w=weights_TE
    )[0]
    assert not actual[::4].any()  # tokens of null experts only
    assert relative_error(actual, apply_reference(x_BSD[0], weights_TE, round_to(weights, weight_format), width)) < limit


@pytest.mark.parametrize(("weight", "is_skipped"), [(9e-9, True), (2e-8, False)])
def test_experts_weight_of_at_most_1e_8_is_skipped(tmp_path: Path, weight: float, is_skipped: bool) -> None:
    weights = random_weights(MOE, 6)
    weights[f"{NAME}.experts.down_proj"] *= 1e4
    x_BSD, weights_TE = np.ones((1, 1, MOE.hidden_size), np.float32), np.zeros((1, MOE.num_experts), np.float32)
    weights_TE[0, 3] = weight
    actual = run_graph(
        tmp_path, FORMATS[2][0], lambda graph: add_experts(graph, "x", "w", NAME, MOE), weights, x=x_BSD, w=weights_TE
    )
    assert (not actual.any()) == is_skipped
