"""The ONNX graph of the lesion network, built from its weights without torch.

Imports onnx, so it is imported only when a graph is built.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from mm.lesions.segmentation.architecture import INPUT, LOGITS, PRESENCE, STRIDE, list_taps
from mm.lesions.segmentation.weights import LesionWeights
from mm.models.image.efficientnet_lite import PIXEL_MEAN, PIXEL_SCALE, list_blocks
from mm.models.onnx_builder import OnnxBuilder


def build_lesion_graph(weights: LesionWeights, size: int) -> bytes:
    """`grey` uint8 (N, size, size) -> `logits` (N, size / 2, size / 2), `presence` (N,).

    Raises `KeyError` for a missing weight, `ValueError` or an error of onnx when shapes do not fit.
    """
    builder = _LesionGraphBuilder(weights)
    builder.add_network()
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", size, size])]
    side = size // STRIDE
    outputs = [
        helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", side, side]),
        helper.make_tensor_value_info(PRESENCE, TensorProto.FLOAT, ["N"]),
    ]
    return builder.build("lesion_network", inputs, outputs)


class _LesionGraphBuilder(OnnxBuilder):
    def add_network(self) -> None:
        axis = self.constant(np.array([1], np.int64))
        pixels = self.add("Unsqueeze", [self.add("Cast", [INPUT], to=TensorProto.FLOAT), axis])
        pixels = self.add("Sub", [pixels, self.constant(np.float32(PIXEL_MEAN))])
        x = self._convolution(self.add("Mul", [pixels, self.constant(np.float32(1 / PIXEL_SCALE))]), "stem", 2)
        maps: list[str] = []
        taps = {tap.block for tap in list_taps()}
        for index, block in enumerate(list_blocks()):
            name, block_input = f"blocks.{index}", x
            if block.has_expansion:
                x = self._convolution(x, f"{name}.expand")
            x = self._convolution(x, f"{name}.depthwise", block.stride, block.channels_wide)
            x = self._convolution(x, f"{name}.project", relu6=False)
            if block.has_residual:
                x = self.add("Add", [block_input, x])
            if index in taps:
                maps.append(x)
        coarsest = maps.pop()
        pooled = self.add("Flatten", [self.add("GlobalAveragePool", [coarsest])])
        layer = [self.constant(self.weight(f"presence.{part}")) for part in ("kernel", "bias")]
        self.add("Squeeze", [self.add("Gemm", [pooled, *layer], transB=1), axis], PRESENCE)
        x = self._convolution(coarsest, "bottleneck")
        for index in range(len(maps)):
            x = self.add("Concat", [self._upsample(x), maps.pop()], axis=1)
            x = self._convolution(x, f"decoder.{index}")
        self.add("Squeeze", [self._convolution(x, "logits", relu6=False), axis], LOGITS)

    def _convolution(self, x: str, name: str, stride: int = 1, groups: int = 1, *, relu6: bool = True) -> str:
        kernel = self.weight(f"{name}.kernel")
        inputs = [x, self.constant(kernel), self.constant(self.weight(f"{name}.bias"))]
        sizes = {"kernel_shape": list(kernel.shape[2:]), "strides": [stride, stride]}
        x = self.add("Conv", inputs, "", auto_pad="SAME_UPPER", group=groups, **sizes)
        return self.add("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))]) if relu6 else x

    def _upsample(self, x: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.add("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")
