"""The first blocks of EfficientNet-Lite2 as an ONNX graph that returns a vector for each patch.

As in PatchCore (Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection",
arXiv:2106.08265) the outputs of two blocks are averaged over 3 x 3 places, brought to the finer
grid and joined. All of it is in the graph: OpenCV does not blur arrays of so many channels. Blocks
after the last tap are not part of the graph. Names of tensors end in their axes: N images, H
height, W width, C channels.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from onnx import TensorProto, helper

from mm.models.image.efficientnet_lite import INPUT, list_blocks
from mm.models.image.graph import GraphBuilder
from mm.models.onnx_builder import Weights

PATCHES = "patches"
"""Name of the output."""
TAPS = (6, 14)
"""Blocks whose outputs are joined: the last of 1/8 and of 1/16 of the resolution."""
POOL = 3
"""Places along a side over which an output is averaged."""
BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""


def count_channels(taps: tuple[int, ...] = TAPS) -> int:
    """Length of the vector of a patch."""
    return sum(list_blocks()[tap].channels_out for tap in taps)


def compute_stride(tap: int) -> int:
    """Pixels from one place of the output of a block to the next."""
    return int(2 * np.prod([block.stride for block in list_blocks()[: tap + 1]]))


def build_patch_graph(weights: Weights, taps: tuple[int, ...] = TAPS) -> bytes:
    """The serialised graph: `pixels` uint8 (N, H, W, 3) -> `patches` float32 (N, H', W', C).

    H and W are multiples of the stride of the last tap, H' and W' those of the grid of the first.
    `weights` are those of `ImageEncoder.state_dict()`, in any precision. Raises `KeyError` when one
    is missing, `ValueError` when the taps are not in ascending order.
    """
    if any(first >= second for first, second in pairwise(taps)) or not 0 <= taps[0] <= taps[-1] < len(list_blocks()):
        raise ValueError(f"The taps {taps} are not blocks in ascending order.")
    graph = _PatchGraphBuilder(weights)
    outputs = graph.blocks(taps)
    fine = compute_stride(taps[0])
    joined = [graph.align(graph.pool(name), compute_stride(tap) // fine) for name, tap in zip(outputs, taps, strict=True)]
    patches_NCHW = joined[0] if len(joined) == 1 else graph.add("Concat", joined, axis=1)
    graph.add("Transpose", [patches_NCHW], PATCHES, perm=[0, 2, 3, 1])
    pixels = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", "H", "W", 3])
    patches = helper.make_tensor_value_info(PATCHES, TensorProto.FLOAT, ["N", "H_patches", "W_patches", count_channels(taps)])
    return graph.build("patch_features", [pixels], [patches])


class _PatchGraphBuilder(GraphBuilder):
    def blocks(self, taps: tuple[int, ...]) -> list[str]:
        """The outputs of the blocks `taps`."""
        outputs = []
        x_NCHW = self.layer(self.pixels(), "stem", stride=2)
        for index, block in enumerate(list_blocks()[: taps[-1] + 1]):
            x_NCHW = self.block(x_NCHW, index, block)
            if index in taps:
                outputs.append(x_NCHW)
        return outputs

    def pool(self, x_NCHW: str) -> str:
        """Mean over the places around each place that exist."""
        margins = [POOL // 2] * 4
        shape = {"kernel_shape": [POOL, POOL], "strides": [1, 1], "pads": margins, "count_include_pad": 0}
        return self.add("AveragePool", [x_NCHW], "", **shape)

    def align(self, x_NCHW: str, factor: int) -> str:
        """The output interpolated to the grid that is `factor` times finer.

        Each layer with stride 2 pads at the right and the bottom only, so that the kernel of place
        j is centred on place 2 j + 1 of its input. Place i of the fine grid therefore lies at
        (i - (factor - 1)) / factor of the coarse one: an interpolation at i / factor, shifted by
        factor - 1 places with the first one repeated.
        """
        if factor == 1:
            return x_NCHW
        scales = self.constant(np.array([1, 1, factor, factor], np.float32))
        wide = self.add(
            "Resize", [x_NCHW, "", scales], mode="linear", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        shift = factor - 1
        padded = self.add("Pad", [wide, self.constant(np.array([0, 0, shift, shift, 0, 0, 0, 0], np.int64))], mode="edge")
        ends = [self.constant(np.array(values, np.int64)) for values in ([0, 0], [-shift, -shift], [2, 3])]
        return self.add("Slice", [padded, *ends])
