"""EfficientNet-Lite2 as a table: what the torch module and the exported graph are both built from.

EfficientNet: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (arXiv:1905.11946). Lite: Google's variant for plain hardware (tensorflow/tpu,
models/official/efficientnet/lite, Apache-2.0): no squeeze-and-excitation, ReLU6 for swish, and a
stem, a head, and first and last stages that do not scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, DEPTH = 1.1, 1.2
"""Lite2's multipliers of channels and of layers a stage."""
STEM_CHANNELS, FEATURES = 32, 1280
"""Channels of the first layer, and of the features that are pooled."""
CLASSES, DIMENSIONS = 1000, 384
"""ImageNet's classes, and the dimensions of the sentence space."""
NORM_EPSILON = 1e-3
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
"""A pixel p of 0..255 enters the network as (p - mean) / scale."""
INPUT, OUTPUT = "pixels", "embedding"
"""Names of the exported graph's input and output."""
BUILDER_VERSION = 1
"""Grows when the same weights would give another graph: part of the key under which graphs are
kept."""

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
    """An inverted residual: widen by a 1x1 convolution, filter each channel, narrow again."""

    kernel: int
    stride: int
    channels_in: int
    channels_wide: int
    channels_out: int

    @property
    def expands(self) -> bool:
        return self.channels_wide != self.channels_in

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.channels_in == self.channels_out


def _scaled(channels: int) -> int:
    """Channels times the width, to the nearest multiple of 8 that loses at most a tenth."""
    rounded = max(8, int(channels * WIDTH + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * WIDTH else rounded


def list_blocks() -> list[Block]:
    """The 21 blocks in order."""
    table: list[Block] = []
    channels = STEM_CHANNELS
    for stage, (kernel, stride, expansion, width, count) in enumerate(_STAGES):
        outer = stage in (0, len(_STAGES) - 1)
        repeats = count if outer else math.ceil(count * DEPTH)
        for index in range(repeats):
            table.append(Block(kernel, stride if index == 0 else 1, channels, channels * expansion, _scaled(width)))
            channels = _scaled(width)
    return table
