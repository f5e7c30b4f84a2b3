"""The image tower as a torch module that serves: half precision, channels last, norms folded. For a
GPU; needs torch.

Twin of the exported graph. On torch's CPU device the same code runs in float32 too, for tests and
benches.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite import INPUT, OUTPUT
from mm.models.image.efficientnet_lite_torch import ConvNorm, ImageEncoder, load_encoder
from mm.runtimes import Array
from mm.runtimes.gpu import require_gpu


class ImageModule:
    """See `mm.runtimes.types.Graph`: `pixels` uint8 (N, size, size, 3) -> `embedding` float32 (N,
    D)."""

    def __init__(self, encoder: ImageEncoder, device: torch.device, precision: torch.dtype) -> None:
        """`precision` is that of the convolutions; the projection is in float32."""
        self.device = device
        self._precision = precision
        self._encoder = fuse_batch_norms(encoder).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for trunk in (self._encoder.stem, self._encoder.blocks, self._encoder.top):
            trunk.to(precision)

    @classmethod
    def on_gpu(cls, weights: Path) -> ImageModule:
        """On the first device that this process sees, in half precision; CUDA_VISIBLE_DEVICES gives
        each process its own.

        Raises `Unavailable` without one, and `Corrupt` for a file that is no checkpoint.
        """
        require_gpu()
        return cls(load_encoder(weights), torch.device("cuda"), torch.float16)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if inputs.keys() != {INPUT} or inputs[INPUT].dtype != "uint8" or inputs[INPUT].ndim != 4 or inputs[INPUT].shape[3] != 3:
            raise InvalidInput(f"The module takes {INPUT}, uint8 (N, height, width, 3).")
        return {OUTPUT: self.vectors(torch.from_numpy(inputs[INPUT]).to(self.device)).cpu().numpy()}

    @torch.inference_mode()
    def vectors(self, pixels_NHWC: Tensor) -> Tensor:
        """Unit vectors (N, D), float32, of pixels (uint8) on the device; returns before a GPU has
        computed them."""
        pixels_NCHW = pixels_NHWC.permute(0, 3, 1, 2).to(self._precision)  # a view: the channels stay last
        found: Tensor = self._encoder.project(self._encoder.features(pixels_NCHW).float())[0]
        return found


def fuse_batch_norms(encoder: ImageEncoder) -> ImageEncoder:
    """A copy for inference alone: each norm folded into its convolution, which pads by itself where
    both sides get the same."""
    served = copy.deepcopy(encoder).eval()
    for layer in list(served.modules()):
        if isinstance(layer, ConvNorm):
            conv = fuse_conv_bn_eval(layer.conv, layer.norm)
            if layer.stride == 1:
                conv.padding, layer.kernel = (layer.kernel // 2, layer.kernel // 2), 1
            layer.conv, layer.norm = conv, nn.Identity()  # type: ignore[assignment]
    return served
