"""The lesion network as a torch module, for training. The ONNX graph of `graph` computes the same.

Names of tensors end in their axes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.lesions.segmentation.architecture import DECODER_CHANNELS, list_taps
from mm.models.image.efficientnet_lite import PIXEL_MEAN, PIXEL_SCALE, STEM_CHANNELS, list_blocks
from mm.models.image.efficientnet_lite_torch import ConvNorm, InvertedResidual


class LesionNetwork(nn.Module):
    """Grey images to logits of their pixels. A weights file holds its `state_dict()`."""

    def __init__(self, drop_path: float = 0.0, dropout: float = 0.0) -> None:
        """Both rates apply in training only.

        `drop_path` is the stochastic depth of the last block, which decreases linearly towards the
        input; `dropout` is that of the last map of the decoder and of the pooled map, by channel.
        """
        super().__init__()
        self.stem = ConvNorm(1, STEM_CHANNELS, 3, stride=2)
        table = list_blocks()
        drops = [drop_path * index / (len(table) - 1) for index in range(len(table))]
        self.blocks = nn.ModuleList(InvertedResidual(block, drop) for block, drop in zip(table, drops, strict=True))
        self._taps = {tap.block for tap in list_taps()}
        *finer, coarsest = (tap.channels for tap in list_taps())
        self.bottleneck = ConvNorm(coarsest, DECODER_CHANNELS[0], 1)
        self.presence = nn.Linear(coarsest, 1)
        widths = zip(DECODER_CHANNELS, reversed(finer), DECODER_CHANNELS[1:], strict=False)
        self.decoder = nn.ModuleList(ConvNorm(below + skip, out, 3) for below, skip, out in widths)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Conv2d(DECODER_CHANNELS[-1], 1, 1)

    def forward(self, grey_N1HW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 1, H / 2, W / 2) and presence logits (N,), of values 0..255 (N, 1, H, W).

        H and W are multiples of 32.
        """
        x_NCHW = functional.relu6(self.stem((grey_N1HW - PIXEL_MEAN) / PIXEL_SCALE))
        maps: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x_NCHW = block(x_NCHW)
            if index in self._taps:
                maps.append(x_NCHW)
        coarsest = maps.pop()
        presence_N = self.presence(self.dropout(coarsest.mean((2, 3))))[:, 0]
        x_NCHW = functional.relu6(self.bottleneck(coarsest))
        for layer in self.decoder:
            x_NCHW = functional.interpolate(x_NCHW, scale_factor=2, mode="bilinear", align_corners=False)
            x_NCHW = functional.relu6(layer(torch.cat([x_NCHW, maps.pop()], 1)))
        return self.logits(functional.dropout2d(x_NCHW, self.dropout.p, self.training)), presence_N


def create_network(encoder: dict[str, Tensor], drop_path: float, dropout: float) -> LesionNetwork:
    """Create a network for training.

    `encoder` is the state of an image tower, as of `load_imagenet_weights`; the decoder is random
    and drawn from torch's global generator. A grey image is an RGB image of three equal channels,
    so that the kernels of the first layer are summed over them. The last bias gives a low
    probability.
    """
    network = LesionNetwork(drop_path, dropout)
    state = {name: tensor for name, tensor in encoder.items() if name.startswith(("stem.", "blocks."))}
    state["stem.conv.weight"] = state["stem.conv.weight"].sum(1, keepdim=True)
    missing, unknown = network.load_state_dict(state, strict=False)
    assert not unknown
    assert all(name.startswith(("bottleneck.", "presence.", "decoder.", "logits.")) for name in missing)
    assert network.logits.bias is not None
    nn.init.constant_(network.logits.bias, -2.0)
    return network
