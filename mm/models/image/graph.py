"""The image tower as an ONNX graph, built from its weights without torch.

Twin of `efficientnet_lite_torch.ImageEncoder`, to which tests hold it equal. Batch norms are folded
into the convolutions. `efficientnet_lite_int8` builds it in 8 bits. Names of tensors end in their
axes: N pictures, H height, W width, C channels, D dimensions of the space, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mm.models.image.efficientnet_lite import INPUT, NORM_EPSILON, OUTPUT, PIXEL_MEAN, PIXEL_SCALE, list_blocks

_OPSET, _IR_VERSION = 17, 8

Float = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


def build_graph(weights: Weights, size: int) -> bytes:
    """Serialised graph: `pixels` uint8 (N, size, size, 3) -> `embedding` float32 (N, D), rows of
    length 1.

    `weights` are those of `ImageEncoder.state_dict()`; half-precision ones are widened. Raises
    `KeyError` when one is missing, `ValueError` or an error of onnx when shapes do not fit.
    """
    return assemble_graph(GraphBuilder(weights), size)


def assemble_graph(graph: GraphBuilder, size: int) -> bytes:
    """The whole tower from the layers of `graph`, which decides in what precision they run."""
    x_NCHW = graph.layer(graph.pixels(), "stem", stride=2)
    for index, block in enumerate(list_blocks()):
        entry_NCHW = x_NCHW
        name = f"blocks.{index}"
        if block.expands:
            x_NCHW = graph.layer(x_NCHW, f"{name}.expand")
        x_NCHW = graph.layer(x_NCHW, f"{name}.depthwise", block.stride, groups=block.channels_wide)
        x_NCHW = graph.layer(x_NCHW, f"{name}.project", bounded=False)
        if block.residual:
            x_NCHW = graph.sum(x_NCHW, entry_NCHW, name)
    x_NCHW = graph.layer(x_NCHW, "top")
    features_NC = graph.add("Flatten", [graph.add("GlobalAveragePool", [x_NCHW])])
    graph.normalised(graph.projection(features_NC), OUTPUT)
    return graph.serialise(size)


class GraphBuilder:
    """Collects nodes and constants, float32; every method returns the name of the tensor it made.

    What a layer gives has the layer's name, and what its convolution gives before ReLU6 that name
    with `.linear`.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

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

    def pixels(self) -> str:
        x_NHWC = self.add("Cast", [INPUT], to=TensorProto.FLOAT)
        x_NHWC = self.add("Sub", [x_NHWC, self.constant(np.float32(PIXEL_MEAN))])
        x_NHWC = self.add("Mul", [x_NHWC, self.constant(np.float32(1 / PIXEL_SCALE))])
        return self.add("Transpose", [x_NHWC], perm=[0, 3, 1, 2])

    def layer(self, x: str, name: str, stride: int = 1, groups: int = 1, *, bounded: bool = True) -> str:
        """Convolution with its norm, then ReLU6 when it is `bounded`."""
        kernel, bias_C = self.folded(name)
        output = f"{name}.linear" if bounded else name
        x = self.convolution([x, self.constant(kernel), self.constant(bias_C)], kernel.shape[-1], stride, groups, output)
        return self.add("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))], name) if bounded else x

    def sum(self, x: str, entry: str, name: str) -> str:
        """End of a residual block."""
        return self.add("Add", [x, entry], name)

    def folded(self, name: str) -> tuple[Float, Float]:
        """Kernel and bias (C,) of one convolution that does what a convolution without bias and its
        batch norm do."""
        scale_C = self.weight(f"{name}.norm.weight") / np.sqrt(self.weight(f"{name}.norm.running_var") + NORM_EPSILON)
        kernel = self.weight(f"{name}.conv.weight") * scale_C[:, None, None, None]
        return kernel, self.weight(f"{name}.norm.bias") - self.weight(f"{name}.norm.running_mean") * scale_C

    def convolution(self, inputs: list[str], side: int, stride: int, groups: int, output: str) -> str:
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "group": groups}
        return self.add("Conv", inputs, output, auto_pad="SAME_UPPER", **shape)

    def projection(self, features_NC: str) -> str:
        """Linear map into the space, plus the mean of the classes' vectors by the classes'
        probabilities."""
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
