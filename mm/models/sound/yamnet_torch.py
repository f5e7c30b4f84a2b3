"""The sound tower's network in torch, for training. On a CPU its twin runs, `sound_graph`; a test
holds the two equal.

MobileNet as in YAMNet, norms folded into kernels and biases: 521 sound classes, and a vector of the
space for each. Names of tensors end in their axes: P patches, T frames, M mel bands, C channels, K
classes, D dimensions of the space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.sound.yamnet import BLOCKS, STEM


class SoundEncoder(nn.Module):
    """Log-mel patches to directions in the space, and to the logits of the classes."""

    def __init__(self, classes: int, dimensions: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 3, 2)
        self.depths = nn.ModuleList(nn.Conv2d(inner, inner, 3, stride, groups=inner) for inner, _, stride in BLOCKS)
        self.points = nn.ModuleList(nn.Conv2d(inner, outer, 1) for inner, outer, _ in BLOCKS)
        self.classes = nn.Linear(BLOCKS[-1][1], classes)
        self.vectors = nn.Parameter(torch.zeros(classes, dimensions))
        """(K, D): where in the space each class lies, times how much it counts."""

    def forward(self, logmel_PTM: Tensor) -> tuple[Tensor, Tensor]:
        """Directions (P, D), not normalised, so that a patch in which nothing is sure counts little
        in a mean; logits (P, K)."""
        logits_PK = self.classes(self.features(logmel_PTM))
        return torch.sigmoid(logits_PK) @ self.vectors, logits_PK

    def features(self, logmel_PTM: Tensor) -> Tensor:
        """(P, C), YAMNet's embedding."""
        x = _convolved(self.stem, logmel_PTM[:, None])
        for depth, point in zip(self.depths, self.points, strict=True):
            x = _convolved(point, _convolved(depth, x))
        return x.mean((2, 3))


def _convolved(layer: nn.Module, x: Tensor) -> Tensor:
    """Padded as TensorFlow does: an even side under stride 2 is padded behind alone."""
    assert isinstance(layer, nn.Conv2d)
    if layer.kernel_size[0] == 3:
        front = 0 if layer.stride[0] == 2 else 1
        x = functional.pad(x, (front, 1, front, 1))
    return functional.relu6(layer(x))
