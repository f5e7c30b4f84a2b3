"""The temporal network in torch, for training and GPUs, with the same weights as `network`.

Names of tensors end in their axes: B videos, L frames, T tokens, D vector of the space, W width of
the network, H heads, P pairs of rotated numbers, S scalar inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels import windowed_attention_torch
from kernels.windows import Windows, make_windows
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.frames import NUM_SCALARS, FrameSequence, compute_changes, compute_scalars
from mm.models.temporal.network import EPSILON
from mm.models.temporal.rotary import compute_rotations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Attention = Callable[[Tensor, Tensor, Tensor, Windows], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Videos, padded at the end to the length of the longest."""

    vectors_BLD: Tensor
    changes_BLD: Tensor
    scalars_BLS: Tensor
    cos_BTP: Tensor
    sin_BTP: Tensor
    windows: Windows


def make_batch(config: TemporalConfig, videos: Sequence[FrameSequence], device: torch.device) -> Batch:
    """Pad the inputs of several videos and copy them to `device`."""
    longest = max(len(video.times_L) for video in videos)

    def padded(rows: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]], length: int) -> Tensor:
        out = np.zeros((len(rows), length, *rows[0].shape[1:]), np.float32)
        for target, row in zip(out, rows, strict=True):
            target[: len(row)] = row
        return torch.from_numpy(out).to(device)

    rotations = [compute_rotations(config, video.times_L) for video in videos]
    times = padded(
        [np.pad(video.times_L, (config.num_global, 0)).astype(np.float32) for video in videos], config.num_global + longest
    )
    lengths = torch.tensor([config.num_global + len(video.times_L) for video in videos], device=device)
    return Batch(
        padded([video.vectors_LD for video in videos], longest),
        padded([compute_changes(video.vectors_LD) for video in videos], longest),
        padded([compute_scalars(video) for video in videos], longest),
        padded([cos for cos, _ in rotations], config.num_global + longest),
        padded([sin for _, sin in rotations], config.num_global + longest),
        make_windows(times, config.seconds, num_global=config.num_global, lengths_B=lengths),
    )


class Layer(nn.Module):
    """A pre-norm transformer layer: attention and a feed-forward network, each with a residual."""

    def __init__(self, config: TemporalConfig, dropout: float, attention: Attention) -> None:
        super().__init__()
        width = config.width
        self._config, self._dropout, self._attention = config, dropout, attention
        self.attend_norm = nn.RMSNorm(width, eps=EPSILON)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.RMSNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, config.hidden)
        self.down = nn.Linear(config.hidden, width)

    def forward(self, x_BTW: Tensor, batch: Batch) -> Tensor:
        config = self._config
        q, k, v = self.qkv(self.attend_norm(x_BTW)).unflatten(-1, (3, config.heads, config.head)).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, batch), _rotate(k, batch)
        attended = self._attention(q, k, v.contiguous(), batch.windows).transpose(1, 2).flatten(2)
        x_BTW = x_BTW + self._drop(self.out(attended))
        hidden = functional.gelu(self.up(self.feed_norm(x_BTW)), approximate="tanh")
        return x_BTW + self._drop(self.down(hidden))

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self._dropout, self.training)


class TemporalNetwork(nn.Module):
    """Predicts with which frames shots and scenes begin."""

    def __init__(
        self, config: TemporalConfig, dropout: float = 0.0, attention: Attention = windowed_attention_torch.windowed_attention
    ) -> None:
        """`attention` is the reference implementation, or the kernel on a GPU."""
        super().__init__()
        self.config = config
        self.vector = nn.Linear(config.dim, config.width, bias=False)
        self.change = nn.Linear(config.dim, config.width, bias=False)
        self.scalars = nn.Linear(NUM_SCALARS, config.width)
        self.register_parameter("global", nn.Parameter(0.02 * torch.randn(config.num_global, config.width)))
        self.layers = nn.ModuleList(Layer(config, dropout, attention) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=EPSILON)
        self.begins = nn.Linear(config.width, 2)

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, L, 2) that a shot and a scene begins; those of padding are undefined."""
        x = self.vector(batch.vectors_BLD) + self.change(batch.changes_BLD) + self.scalars(batch.scalars_BLS)
        x = torch.cat([self.get_parameter("global").expand(len(x), -1, -1), x], dim=1)
        for layer in self.layers:
            x = layer(x, batch)
        logits: Tensor = self.begins(self.norm(x[:, self.config.num_global :]))
        return logits


def _rotate(x_BHTD: Tensor, batch: Batch) -> Tensor:
    """See `rotary.rotate`."""
    cos, sin = batch.cos_BTP[:, None], batch.sin_BTP[:, None]
    pairs = cos.shape[-1]
    a, b, rest = x_BHTD[..., :pairs], x_BHTD[..., pairs : 2 * pairs], x_BHTD[..., 2 * pairs :]
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)
