"""A network of the media prefix as an ONNX graph; `reference` specifies it.

Imports onnx, so it is imported only when a graph is built.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from mm.models.language.weights import Weights
from mm.models.onnx_builder import OnnxBuilder

INPUT, OUTPUT = "inputs", "embeddings"


def build_network(weights: Weights, name: str) -> bytes:
    """The network `name`: `inputs` float32 (N, inputs) -> `embeddings` float32 (N, outputs)."""
    graph = OnnxBuilder(weights)
    first, second = (graph.weight(f"{name}.{layer}.weight") for layer in (0, 2))
    product = graph.add("MatMul", [INPUT, graph.constant(np.ascontiguousarray(first.T))])
    bias = graph.constant(graph.weight(f"{name}.0.bias"))
    hidden = graph.add("FastGelu", [product, bias], domain="com.microsoft")  # the GELU with tanh
    product = graph.add("MatMul", [hidden, graph.constant(np.ascontiguousarray(second.T))])
    graph.add("Add", [product, graph.constant(graph.weight(f"{name}.2.bias"))], output=OUTPUT)
    inputs = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", first.shape[1]])
    outputs = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", second.shape[0]])
    return graph.build(name, [inputs], [outputs], check=False)
