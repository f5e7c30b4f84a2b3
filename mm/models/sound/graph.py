"""The network of the sound tower as an ONNX graph, built from its weights without torch.

It computes the same as `yamnet_torch.SoundEncoder`, with a sigmoid after the logits. Names of
tensors end in their axes: P patches, T frames, M mel bands, C channels, H height, W width, K
classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper

from mm.models.onnx_builder import Float, OnnxBuilder
from mm.models.sound.yamnet import BANDS, BLOCKS, FRAMES, INPUT, OUTPUT, SCORES, STEM


def build_graph(weights: Mapping[str, Float]) -> bytes:
    """The serialised graph: `logmel` float32 (P, 96, 64) -> `directions` (P, D), `classes` (P, K).

    Directions are not normalised; classes are scores in [0, 1]. Raises `KeyError` when a weight is
    missing.
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
    linear = [features_PC, graph.constant_weight("classes.weight"), graph.constant_weight("classes.bias")]
    graph.add("Sigmoid", [graph.add("Gemm", linear, transB=1)], output=SCORES)
    graph.add("MatMul", [SCORES, graph.constant_weight("vectors")], output=OUTPUT)
    return graph.serialise(*weights["vectors"].shape)


class _Builder(OnnxBuilder):
    """Layers of MobileNet with batch norms fused into kernels and biases."""

    def constant_weight(self, name: str) -> str:
        """Add a weight as a constant, in float32."""
        return self.constant(self.weight(name))

    def layer(self, x: str, name: str, side: int, stride: int, groups: int) -> str:
        """Convolution with its bias, then ReLU6."""
        inputs = [x, self.constant_weight(f"{name}.weight"), self.constant_weight(f"{name}.bias")]
        sides = [side, side]
        x = self.add("Conv", inputs, kernel_shape=sides, strides=[stride, stride], group=groups, auto_pad="SAME_UPPER")
        return self.add("Clip", [x, self.constant(np.array(0, np.float32)), self.constant(np.array(6, np.float32))])

    def serialise(self, classes: int, dimensions: int) -> bytes:
        logmel = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["P", FRAMES, BANDS])
        outputs = [
            helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["P", dimensions]),
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, ["P", classes]),
        ]
        return self.build("sound_tower", [logmel], outputs)
