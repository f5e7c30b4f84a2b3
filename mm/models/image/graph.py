"""The image tower as an ONNX graph, built from its weights without torch.

It computes the same as `efficientnet_lite_torch.ImageEncoder`, with batch norms fused into the
convolutions; `graph_int8` builds it in 8 bits. Names of tensors end in their axes: N images, H
height, W width, C channels, D dimensions of the space, K classes.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from mm.models.image.efficientnet_lite import (
    FEATURES,
    INPUT,
    MAP_OUTPUT,
    NORM_EPSILON,
    OUTPUT,
    PIXEL_MEAN,
    PIXEL_SCALE,
    Block,
    compute_map_side,
    list_blocks,
)
from mm.models.onnx_builder import Float, OnnxBuilder, Weights


def build_graph(weights: Weights, size: int, *, with_map: bool = False) -> bytes:
    """The serialised graph: `pixels` uint8 (N, size, size, 3) -> `embedding` float32 (N, D).

    The rows of the output have length 1. With `with_map` there is a second output, `feature_map`
    float32 (N, H, W, C), the features before they are pooled. `weights` are those of
    `ImageEncoder.state_dict()`, in any precision. Raises `KeyError` when one is missing,
    `ValueError` or an error of onnx when shapes do not fit.
    """
    return assemble_graph(GraphBuilder(weights), size, with_map=with_map)


def assemble_graph(graph: GraphBuilder, size: int, *, with_map: bool = False) -> bytes:
    """Build the tower from the layers of `graph`, whose class decides their precision."""
    x_NCHW = graph.layer(graph.pixels(), "stem", stride=2)
    for index, block in enumerate(list_blocks()):
        x_NCHW = graph.block(x_NCHW, index, block)
    x_NCHW = graph.layer(x_NCHW, "top")
    features_NC = graph.add("Flatten", [graph.add("GlobalAveragePool", [x_NCHW])])
    graph.normalize(graph.projection(features_NC), OUTPUT)
    if with_map:
        graph.add("Transpose", [x_NCHW], MAP_OUTPUT, perm=[0, 2, 3, 1])
    return graph.serialise(size, with_map=with_map)


class GraphBuilder(OnnxBuilder):
    """Layers of the image tower in float32.

    The output of a layer has the layer's name; the output of its convolution, before ReLU6, has
    that name with `.linear`.
    """

    def pixels(self) -> str:
        """The input, normalised, in the layout NCHW."""
        x_NHWC = self.add("Cast", [INPUT], to=TensorProto.FLOAT)
        x_NHWC = self.add("Sub", [x_NHWC, self.constant(np.float32(PIXEL_MEAN))])
        x_NHWC = self.add("Mul", [x_NHWC, self.constant(np.float32(1 / PIXEL_SCALE))])
        return self.add("Transpose", [x_NHWC], perm=[0, 3, 1, 2])

    def block(self, x_NCHW: str, index: int, block: Block) -> str:
        """An inverted residual block of `list_blocks`. Returns the name of its output."""
        input_NCHW, name = x_NCHW, f"blocks.{index}"
        if block.has_expansion:
            x_NCHW = self.layer(x_NCHW, f"{name}.expand")
        x_NCHW = self.layer(x_NCHW, f"{name}.depthwise", block.stride, groups=block.channels_wide)
        x_NCHW = self.layer(x_NCHW, f"{name}.project", relu6=False)
        return self.add_residual(x_NCHW, input_NCHW, name) if block.has_residual else x_NCHW

    def layer(self, x: str, name: str, stride: int = 1, groups: int = 1, *, relu6: bool = True) -> str:
        """Convolution with its batch norm fused into it, then ReLU6 with `relu6`."""
        kernel, bias_C = self.fuse_batch_norm(name)
        output = f"{name}.linear" if relu6 else name
        x = self.convolution([x, self.constant(kernel), self.constant(bias_C)], kernel.shape[-1], stride, groups, output)
        return self.add("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))], name) if relu6 else x

    def add_residual(self, x: str, block_input: str, name: str) -> str:
        """The sum at the end of a residual block."""
        return self.add("Add", [x, block_input], name)

    def fuse_batch_norm(self, name: str) -> tuple[Float, Float]:
        """Kernel and bias (C,) of the convolution that equals a convolution and its batch norm."""
        scale_C = self.weight(f"{name}.norm.weight") / np.sqrt(self.weight(f"{name}.norm.running_var") + NORM_EPSILON)
        kernel = self.weight(f"{name}.conv.weight") * scale_C[:, None, None, None]
        return kernel, self.weight(f"{name}.norm.bias") - self.weight(f"{name}.norm.running_mean") * scale_C

    def convolution(self, inputs: list[str], side: int, stride: int, groups: int, output: str) -> str:
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "group": groups}
        return self.add("Conv", inputs, output, auto_pad="SAME_UPPER", **shape)

    def projection(self, features_NC: str) -> str:
        """Linear map into the space, plus the class vectors weighted by the class probabilities."""
        classes_NK = self.add("Softmax", [self.linear(features_NC, "classes")], axis=1)
        named_ND = self.add("MatMul", [classes_NK, self.constant(self.weight("class_gain") * self.weight("class_vectors"))])
        return self.add("Add", [self.linear(features_NC, "head"), named_ND])

    def linear(self, x_NC: str, name: str) -> str:
        inputs = [x_NC, self.constant(self.weight(f"{name}.weight")), self.constant(self.weight(f"{name}.bias"))]
        return self.add("Gemm", inputs, transB=1)

    def normalize(self, x_ND: str, output: str) -> str:
        norm_N1 = self.add("ReduceL2", [x_ND], axes=[1], keepdims=1)
        return self.add("Div", [x_ND, norm_N1], output=output)

    def serialise(self, size: int, *, with_map: bool = False) -> bytes:
        dimensions = self._weights["head.bias"].shape[0]
        pixels = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", size, size, 3])
        outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", dimensions])]
        if with_map:
            side = compute_map_side(size)
            outputs.append(helper.make_tensor_value_info(MAP_OUTPUT, TensorProto.FLOAT, ["N", side, side, FEATURES]))
        return self.build("image_tower", [pixels], outputs)
