"""Runs a few operators of a decoder by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from mm.models.language.graph.builder import GraphBuilder
from mm.models.language.graph.external_data import ExternalData
from mm.models.language.graph.weight_format import WeightFormat


def run_graph(
    folder: Path,
    weight_format: WeightFormat,
    add: Callable[[GraphBuilder], str],
    weights: dict[str, np.ndarray] | None = None,
    **inputs: np.ndarray,
) -> np.ndarray:
    """The result of the operators that `add` adds, on float32 inputs."""
    data = ExternalData("weights")
    graph = GraphBuilder(weights or {}, weight_format, data)
    graph.add("Identity", [add(graph)], output="result")
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in inputs.items()]
    model = graph.build("operators", infos, [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)], check=False)
    (folder / "operators.onnx").write_bytes(model)
    with (folder / "weights").open("wb") as file:
        data.write(file)
    session = onnxruntime.InferenceSession(str(folder / "operators.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["result"], inputs)[0]
