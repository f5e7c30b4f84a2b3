"""Builds ONNX graphs from weights, without torch.

Imports onnx, so it is imported only when a graph is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

OPSET, IR_VERSION = 17, 8

Float = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


class OnnxBuilder:
    """Nodes and constants of a graph. Every method that adds one returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def weight(self, name: str) -> Float:
        """A weight in float32. Raises `KeyError` for an unknown name."""
        return self._weights[name].astype(np.float32)

    def constant(self, value: npt.NDArray[np.generic] | np.generic) -> str:
        """Add a constant."""
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        """Add a node of an ONNX operator; `output` names its result."""
        output = output or f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def build(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        *,
        check: bool = True,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """The serialised graph. With `check` its shapes are inferred, and errors of onnx raised."""
        graph = helper.make_graph(self._nodes, name, inputs, outputs, self._constants)
        versions = [helper.make_opsetid("", OPSET)]
        # The operators of other domains, which only one runtime has, are in version 1.
        versions += [helper.make_opsetid(domain, 1) for domain in sorted({node.domain for node in self._nodes} - {""})]
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata or {}))
        if check:
            onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())
