"""The image tower as an ONNX graph, built from its weights without torch.

Twin of `efficientnet_lite_torch.ImageEncoder`, to which tests hold it equal. Batch norms are folded into the convolutions.
Names of tensors end in their axes: N pictures, H height, W width, C channels, D dimensions of the space, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mm.models.efficientnet_lite import INPUT, NORM_EPSILON, OUTPUT, PIXEL_MEAN, PIXEL_SCALE, blocks

_OPSET, _IR_VERSION = 17, 8

Float = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


def build_graph(weights: Weights, size: int) -> bytes:
    """Serialised graph: `pixels` uint8 (N, size, size, 3) -> `embedding` float32 (N, D), rows of length 1.

    `weights` are those of `ImageEncoder.state_dict()`; half-precision ones are widened. Raises `KeyError` when one is
    missing, `ValueError` or an error of onnx when shapes do not fit.
    """
    graph = _Builder(weights)
    x_NHWC = graph.add("Cast", [INPUT], to=TensorProto.FLOAT)
    x_NHWC = graph.add("Sub", [x_NHWC, graph.constant(np.float32(PIXEL_MEAN))])
    x_NHWC = graph.add("Mul", [x_NHWC, graph.constant(np.float32(1 / PIXEL_SCALE))])
    x_NCHW = graph.add("Transpose", [x_NHWC], perm=[0, 3, 1, 2])
    x_NCHW = graph.relu6(graph.convolution(x_NCHW, "stem", stride=2))
    for index, block in enumerate(blocks()):
        entry_NCHW = x_NCHW
        name = f"blocks.{index}"
        if block.expands:
            x_NCHW = graph.relu6(graph.convolution(x_NCHW, f"{name}.expand"))
        x_NCHW = graph.relu6(graph.convolution(x_NCHW, f"{name}.depthwise", block.stride, groups=block.channels_wide))
        x_NCHW = graph.convolution(x_NCHW, f"{name}.project")
        if block.residual:
            x_NCHW = graph.add("Add", [x_NCHW, entry_NCHW])
    x_NCHW = graph.relu6(graph.convolution(x_NCHW, "top"))
    features_NC = graph.add("Flatten", [graph.add("GlobalAveragePool", [x_NCHW])])
    graph.normalised(graph.projection(features_NC), OUTPUT)
    return graph.serialise(size)


class _Builder:
    """Collects nodes and constants; every method returns the name of the tensor it made."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._relu6_bounds = (self.constant(np.float32(0)), self.constant(np.float32(6)))

    def weight(self, name: str) -> Float:
        return self._weights[name].astype(np.float32)

    def constant(self, value: npt.NDArray[np.generic] | np.generic) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def relu6(self, x: str) -> str:
        return self.add("Clip", [x, *self._relu6_bounds])

    def convolution(self, x: str, name: str, stride: int = 1, groups: int = 1) -> str:
        """Convolution without bias, then batch norm: folded into one convolution with a bias."""
        scale_C = self.weight(f"{name}.norm.weight") / np.sqrt(self.weight(f"{name}.norm.running_var") + NORM_EPSILON)
        kernel = self.weight(f"{name}.conv.weight") * scale_C[:, None, None, None]
        bias_C = self.weight(f"{name}.norm.bias") - self.weight(f"{name}.norm.running_mean") * scale_C
        side = kernel.shape[-1]
        return self.add(
            "Conv",
            [x, self.constant(kernel), self.constant(bias_C)],
            kernel_shape=[side, side],
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )

    def projection(self, features_NC: str) -> str:
        """Linear map into the space, plus the mean of the classes' vectors by the classes' probabilities."""
        classes_NK = self.add("Softmax", [self.linear(features_NC, "classes")], axis=1)
        named_ND = self.add("MatMul", [classes_NK, self.constant(self.weight("class_gain") * self.weight("class_vectors"))])
        return self.add("Add", [self.linear(features_NC, "head"), named_ND])

    def linear(self, x_NC: str, name: str) -> str:
        inputs = [x_NC, self.constant(self.weight(f"{name}.weight")), self.constant(self.weight(f"{name}.bias"))]
        return self.add("Gemm", inputs, transB=1)

    def normalised(self, x_ND: str, output: str) -> str:
        norm_N1 = self.add("ReduceL2", [x_ND], axes=[1], keepdims=1)
        return self.add("Div", [x_ND, norm_N1], output=output)

    def serialise(self, size: int) -> bytes:
        dimensions = self._weights["head.bias"].shape[0]
        pixels = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", size, size, 3])
        embedding = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", dimensions])
        graph = helper.make_graph(self._nodes, "image_tower", [pixels], [embedding], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)  # the shapes too
        return bytes(model.SerializeToString())
