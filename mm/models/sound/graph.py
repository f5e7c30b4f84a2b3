"""The sound tower's network as an ONNX graph, built from its weights without torch. Twin of
`SoundEncoder`.

Names of tensors end in their axes: P patches, T frames, M mel bands, C channels, H height, W width,
K classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mm.models.sound.yamnet import BANDS, BLOCKS, FRAMES, INPUT, OUTPUT, SCORES, STEM

_OPSET, _IR_VERSION = 17, 8

Float = npt.NDArray[np.float32]


def build_graph(weights: Mapping[str, Float]) -> bytes:
    """Serialised graph: `logmel` float32 (P, 96, 64) -> `directions` (P, D), not normalised, and
    `classes` (P, K) in [0, 1].

    Raises `KeyError` when a weight is missing.
    """
    graph = _Builder(weights)
    x_PCHW = graph.add("Reshape", [INPUT, graph.constant(np.array([-1, 1, FRAMES, BANDS], np.int64))])
    x_PCHW = graph.layer(x_PCHW, "stem", 3, 2, 1)
    inner = STEM
    for block, (_, outer, stride) in enumerate(BLOCKS):
        x_PCHW = graph.layer(x_PCHW, f"depths.{block}", 3, stride, inner)
        x_PCHW = graph.layer(x_PCHW, f"points.{block}", 1, 1, 1)
        inner = outer
    features_PC = graph.add("ReduceMean", [x_PCHW], axes=[2, 3], keepdims=0)
    linear = [features_PC, graph.weight("classes.weight"), graph.weight("classes.bias")]
    graph.add("Sigmoid", [graph.add("Gemm", linear, transB=1)], output=SCORES)
    graph.add("MatMul", [SCORES, graph.weight("vectors")], output=OUTPUT)
    return graph.serialise(*weights["vectors"].shape)


class _Builder:
    """Collects nodes and constants; every method returns the name of the tensor it made."""

    def __init__(self, weights: Mapping[str, Float]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(self._weights[name].astype(np.float32))

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def layer(self, x: str, name: str, side: int, stride: int, groups: int) -> str:
        """Convolution with its bias, then ReLU6."""
        inputs = [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        sides = [side, side]
        x = self.add("Conv", inputs, kernel_shape=sides, strides=[stride, stride], group=groups, auto_pad="SAME_UPPER")
        return self.add("Clip", [x, self.constant(np.array(0, np.float32)), self.constant(np.array(6, np.float32))])

    def serialise(self, classes: int, dimensions: int) -> bytes:
        logmel = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["P", FRAMES, BANDS])
        outputs = [
            helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["P", dimensions]),
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, ["P", classes]),
        ]
        graph = helper.make_graph(self._nodes, "sound_tower", [logmel], outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())
