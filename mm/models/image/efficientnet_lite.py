"""The architecture of EfficientNet-Lite2, which the torch module and the ONNX graph share.

EfficientNet: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (arXiv:1905.11946). Lite: Google's variant for plain hardware (tensorflow/tpu,
models/official/efficientnet/lite, Apache-2.0): no squeeze-and-excitation, ReLU6 instead of swish,
and the width of stem and head and the depth of the first and last stages are not scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, DEPTH = 1.1, 1.2
"""Multipliers of the channels and of the blocks of a stage in Lite2."""
STEM_CHANNELS, FEATURES = 32, 1280
"""Channels of the first layer, and of the pooled features."""
CLASSES, DIMENSIONS = 1000, 384
"""Classes of ImageNet, and dimensions of the sentence space."""
NORM_EPSILON = 1e-3
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
"""A pixel p of 0..255 is normalised to (p - mean) / scale."""
INPUT, OUTPUT = "pixels", "embedding"
"""Names of the input and the output of the ONNX graph."""
MAP_OUTPUT = "feature_map"
"""Name of the second output of a graph that has one: features by place, before they are pooled."""
BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""

# (kernel, stride of the first block, expansion, channels out, blocks) of EfficientNet-B0's seven
# stages
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual block: 1x1 expansion, depthwise convolution, 1x1 projection."""

    kernel: int
    stride: int
    channels_in: int
    channels_wide: int
    channels_out: int

    @property
    def has_expansion(self) -> bool:
        return self.channels_wide != self.channels_in

    @property
    def has_residual(self) -> bool:
        return self.stride == 1 and self.channels_in == self.channels_out


def _scale_channels(channels: int) -> int:
    """Channels times `WIDTH`, rounded to a multiple of 8 that is at most a tenth smaller."""
    rounded = max(8, int(channels * WIDTH + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * WIDTH else rounded


def list_blocks() -> list[Block]:
    """The 21 blocks, from input to output."""
    table: list[Block] = []
    channels = STEM_CHANNELS
    for stage, (kernel, stride, expansion, width, count) in enumerate(_STAGES):
        is_unscaled = stage in (0, len(_STAGES) - 1)
        repeats = count if is_unscaled else math.ceil(count * DEPTH)
        for index in range(repeats):
            table.append(Block(kernel, stride if index == 0 else 1, channels, channels * expansion, _scale_channels(width)))
            channels = _scale_channels(width)
    return table


def compute_map_side(size: int) -> int:
    """Places along a side of the feature map of a square image of `size` pixels."""
    for stride in (2, *(block.stride for block in list_blocks())):
        size = -(-size // stride)
    return size
