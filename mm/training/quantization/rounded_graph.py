"""The image tower with weights and activations rounded to 16 bits, and sums in float32.

Reference implementation of a processor with bfloat16, or a GPU, for machines without either.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from mm.models.image.graph import GraphBuilder, assemble_graph
from mm.models.onnx_builder import Weights
from mm.runtimes import Precision

_TYPES: dict[Precision, int] = {"bfloat16": TensorProto.BFLOAT16, "float16": TensorProto.FLOAT16}


def build_rounded_graph(weights: Weights, size: int, precision: Precision) -> bytes:
    """Build the graph as `mm.models.image.graph.build_graph`, in "bfloat16" or "float16"."""
    return assemble_graph(_RoundedBuilder(weights, _TYPES[precision]), size)


class _RoundedBuilder(GraphBuilder):
    def __init__(self, weights: Weights, type_: int) -> None:
        super().__init__(weights)
        self._type = type_

    def layer(self, x: str, name: str, stride: int = 1, groups: int = 1, *, relu6: bool = True) -> str:
        kernel, bias_C = self.fuse_batch_norm(name)
        inputs = [x, self._rounded(self.constant(kernel.astype(np.float32))), self.constant(bias_C.astype(np.float32))]
        x = self.convolution(inputs, kernel.shape[-1], stride, groups, f"{name}.linear")
        if relu6:
            x = self.add("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))])
        return self._rounded(x, name)

    def add_residual(self, x: str, block_input: str, name: str) -> str:
        return self._rounded(super().add_residual(x, block_input, f"{name}.linear"), name)

    def _rounded(self, x: str, name: str = "") -> str:
        return self.add("Cast", [self.add("Cast", [x], to=self._type)], name, to=TensorProto.FLOAT)
