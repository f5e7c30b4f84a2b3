"""The network of the sound tower in torch, for training.

MobileNet as in YAMNet, with batch norms fused into kernels and biases: 521 sound classes, and a
vector of the space for each class. In service the ONNX graph of `graph` runs instead. Names of
tensors end in their axes: P patches, T frames, M mel bands, C channels, K classes, D dimensions of
the space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.sound.yamnet import BLOCKS, STEM


class SoundEncoder(nn.Module):
    """Log-mel patches to directions in the space and to logits of the classes."""

    def __init__(self, classes: int, dimensions: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 3, 2)
        self.depths = nn.ModuleList(nn.Conv2d(inner, inner, 3, stride, groups=inner) for inner, _, stride in BLOCKS)
        self.points = nn.ModuleList(nn.Conv2d(inner, outer, 1) for inner, outer, _ in BLOCKS)
        self.classes = nn.Linear(BLOCKS[-1][1], classes)
        self.vectors = nn.Parameter(torch.zeros(classes, dimensions))
        """(K, D): the direction of each class, times its weight."""

    def forward(self, logmel_PTM: Tensor) -> tuple[Tensor, Tensor]:
        """Directions (P, D) and logits (P, K).

        Directions are not normalised, so that uncertain patches have little weight in a mean.
        """
        logits_PK = self.classes(self.features(logmel_PTM))
        return torch.sigmoid(logits_PK) @ self.vectors, logits_PK

    def features(self, logmel_PTM: Tensor) -> Tensor:
        """Pooled features (P, C), the embedding of YAMNet."""
        x = _convolve(self.stem, logmel_PTM[:, None])
        for depth, point in zip(self.depths, self.points, strict=True):
            x = _convolve(point, _convolve(depth, x))
        return x.mean((2, 3))


def _convolve(layer: nn.Module, x: Tensor) -> Tensor:
    """Convolution with the SAME padding of TensorFlow, then ReLU6.

    With stride 2 an even side is padded at its end only.
    """
    assert isinstance(layer, nn.Conv2d)
    if layer.kernel_size[0] == 3:
        front = 0 if layer.stride[0] == 2 else 1
        x = functional.pad(x, (front, 1, front, 1))
    return functional.relu6(layer(x))
