"""The architecture of the lesion network, which the torch module and the ONNX graph share.

A U-Net (Ronneberger et al. 2015, arXiv:1505.04597) over the blocks of EfficientNet-Lite2: feature
maps of five strides are merged from the coarsest to the finest by upsampling, concatenation and one
convolution each. A linear layer on the pooled coarsest map says whether any lesion is visible.
"""

from __future__ import annotations

from dataclasses import dataclass

from mm.models.image.efficientnet_lite import STEM_CHANNELS, list_blocks

INPUT, LOGITS, PRESENCE = "grey", "logits", "presence"
"""Names of the input and the outputs of the ONNX graph."""
BUILDER_VERSION = 1
"""Part of the key of a cached graph; increase it when the same weights give another graph."""
STRIDE = 2
"""Pixels of the input along a side of one place of the logits."""
MULTIPLE = 32
"""The side of the input is a multiple of this, the stride of the coarsest feature map."""
DECODER_CHANNELS = (128, 96, 64, 40, 24)
"""Channels of the merged maps, from stride 32 to stride 2."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A feature map of the encoder that the decoder reads."""

    block: int  # index in `list_blocks`
    channels: int
    stride: int


def list_taps() -> list[Tap]:
    """The last block of each stride, from the finest to the coarsest."""
    taps: list[Tap] = []
    stride = 2  # of the stem
    blocks = list_blocks()
    assert blocks[0].channels_in == STEM_CHANNELS
    for index, block in enumerate(blocks):
        stride *= block.stride
        following = blocks[index + 1].stride if index + 1 < len(blocks) else 2
        if following == 2:
            taps.append(Tap(index, block.channels_out, stride))
    return taps
