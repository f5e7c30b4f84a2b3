"""The image tower on a GPU: a torch module in half precision, channels last, batch norms fused.

It computes the same as the ONNX graph. On the CPU device of torch it also runs in float32, for
tests and benchmarks. Needs torch.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite import INPUT, MAP_OUTPUT, OUTPUT
from mm.models.image.efficientnet_lite_torch import ConvNorm, ImageEncoder, load_encoder
from mm.runtimes import Array
from mm.runtimes.gpu import require_gpu


class TorchImageGraph:
    """Implements `mm.runtimes.types.Graph` with torch.

    `pixels` uint8 (N, size, size, 3) -> `embedding` float32 (N, D), and with `with_map` also
    `feature_map` float32 (N, H, W, C).
    """

    def __init__(self, encoder: ImageEncoder, device: torch.device, precision: torch.dtype, *, with_map: bool = False) -> None:
        """`precision` is that of the convolutions; the projection is in float32."""
        self.device = device
        self._with_map = with_map
        self._precision = precision
        self._encoder = fuse_batch_norms(encoder).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for trunk in (self._encoder.stem, self._encoder.blocks, self._encoder.top):
            trunk.to(precision)

    @classmethod
    def on_gpu(cls, weights: Path, *, with_map: bool = False) -> TorchImageGraph:
        """Load `weights` on the first visible GPU, in half precision.

        CUDA_VISIBLE_DEVICES selects the GPU. Raises `Unavailable` without a GPU, `Corrupt` for a
        file that is not a checkpoint of an image tower.
        """
        require_gpu()
        return cls(load_encoder(weights), torch.device("cuda"), torch.float16, with_map=with_map)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if inputs.keys() != {INPUT} or inputs[INPUT].dtype != "uint8" or inputs[INPUT].ndim != 4 or inputs[INPUT].shape[3] != 3:
            raise InvalidInput(f"The image tower takes {INPUT}, uint8 (N, height, width, 3).")
        pixels_NHWC = torch.from_numpy(inputs[INPUT]).to(self.device)
        if not self._with_map:
            return {OUTPUT: self.embed(pixels_NHWC).cpu().numpy()}
        map_NHWC, vectors_ND = self.encode_map(pixels_NHWC)
        return {OUTPUT: vectors_ND.cpu().numpy(), MAP_OUTPUT: map_NHWC.cpu().numpy()}

    @torch.inference_mode()
    def embed(self, pixels_NHWC: Tensor) -> Tensor:
        """Unit vectors (N, D), float32, of uint8 pixels on the device.

        Returns before a GPU has computed them.
        """
        vectors_ND: Tensor = self._encoder.project(self._encoder.features(self._to_input(pixels_NHWC)).float())[0]
        return vectors_ND

    @torch.inference_mode()
    def encode_map(self, pixels_NHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Feature maps (N, H, W, C) and unit vectors (N, D), float32; otherwise as `embed`."""
        map_NCHW = self._encoder.feature_map(self._to_input(pixels_NHWC)).float()
        return map_NCHW.permute(0, 2, 3, 1).contiguous(), self._encoder.project(map_NCHW.mean((2, 3)))[0]

    def _to_input(self, pixels_NHWC: Tensor) -> Tensor:
        return pixels_NHWC.permute(0, 3, 1, 2).to(self._precision)  # a view: the channels stay last


def fuse_batch_norms(encoder: ImageEncoder) -> ImageEncoder:
    """A copy for inference, with each batch norm fused into its convolution.

    Symmetric padding becomes that of the convolution.
    """
    fused = copy.deepcopy(encoder).eval()
    for layer in list(fused.modules()):
        if isinstance(layer, ConvNorm):
            conv = fuse_conv_bn_eval(layer.conv, layer.norm)
            if layer.stride == 1:
                conv.padding, layer.kernel = (layer.kernel // 2, layer.kernel // 2), 1
            layer.conv, layer.norm = conv, nn.Identity()  # type: ignore[assignment]
    return fused
