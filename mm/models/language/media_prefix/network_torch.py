"""The media prefix in torch, for training and GPUs, with the same weights as `reference`.

Names of tensors end in their axes: N items, P places, H height, W width or hidden size, C channels,
D dimensions of the space, K vector tokens, S scenes, F frames, T features of time.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mm.models.language.media_prefix.config import (
    NORM_EPSILON,
    NUM_TIME_FEATURES,
    MediaPrefixConfig,
    check_prefix_weights,
)
from mm.models.language.weights import Float

MIN_STD = 1e-2
"""Added to the standard deviation of a channel, so that one that is always 0 stays finite."""


class MediaPrefixNetwork(nn.Module):
    """Batches of media to prefix embeddings. Computed in float32, or as `torch.autocast` says.

    In training, `noise` times a standard normal number is added to each standardised feature, and
    features are dropped with the probability `dropout`: both slow the memorising of images. A
    `state_dict` has the names of `config.list_prefix_shapes`.
    """

    map_mean: Tensor
    map_std: Tensor

    def __init__(self, config: MediaPrefixConfig, embedding_rms: float, noise: float = 0.0, dropout: float = 0.0) -> None:
        """`embedding_rms` is the root mean square of the token embeddings of the language model."""
        super().__init__()
        self.config, self.noise, self.dropout = config, noise, dropout
        width = config.hidden_size
        self.register_buffer("map_mean", torch.zeros(config.map_channels))
        self.register_buffer("map_std", torch.ones(config.map_channels))
        self.map_network = _make_network(config.map_channels, config.map_hidden_size, width)
        self.vector_network = _make_network(config.vector_size, config.vector_hidden_size, config.num_vector_tokens * width)
        self.time_network = _make_network(NUM_TIME_FEATURES, config.time_hidden_size, width)
        self.sound_shift = nn.Parameter(torch.zeros(config.vector_size))
        self.image_positions = nn.Parameter(torch.zeros(config.num_image_tokens, width))
        self.sound_positions = nn.Parameter(torch.zeros(config.num_vector_tokens, width))
        self.frame_positions = nn.Parameter(torch.zeros(config.frame_grid**2, width))
        self.scene_position = nn.Parameter(torch.zeros(width))
        self.gain = nn.Parameter(torch.full((width,), embedding_rms))
        for parameter in self.time_network[2].parameters():  # times say nothing at first
            nn.init.zeros_(parameter)

    @classmethod
    def from_weights(cls, config: MediaPrefixConfig, weights: Mapping[str, Float]) -> MediaPrefixNetwork:
        """A network with these weights, in float32. Raises `Corrupt` when they are of another."""
        check_prefix_weights(config, weights)
        network = cls(config, 1.0)
        network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
        return network

    @torch.no_grad()
    def set_statistics(self, maps_NPC: Tensor) -> None:
        """Store mean and standard deviation of each channel over pooled maps of training images."""
        values = maps_NPC.flatten(0, -2).float()
        self.map_mean.copy_(values.mean(0))
        self.map_std.copy_(values.std(0) + MIN_STD)

    def forward(self, maps_NPC: Tensor, vectors_ND: Tensor) -> Tensor:
        """Embeddings (N, 28, W) of images: of the vector, then of the places by row.

        `maps_NPC` (N, 25, C) are pooled by `pool_maps`, in any floating type; whole maps
        (N, H, W, C) are pooled here.
        """
        if maps_NPC.ndim == 4:
            maps_NPC = pool_maps(maps_NPC, self.config.grid)
        tokens = torch.cat([self._read_vectors(vectors_ND), self._read_maps(maps_NPC)], 1)
        return self._finish(tokens, self.image_positions)

    def embed_vectors(self, vectors_ND: Tensor) -> Tensor:
        """Embeddings (N, 3, W): the first of `forward`, for a text in place of an image."""
        return self._finish(self._read_vectors(vectors_ND), self.image_positions[: self.config.num_vector_tokens])

    def embed_scenes(self, vectors_NSD: Tensor, times_NST: Tensor) -> Tensor:
        """Embeddings (N, S, W) of scenes; `times_NST` is from `scenes.describe_times`."""
        tokens_MKW = self._read_vectors(vectors_NSD.flatten(0, 1))
        tokens_NSW = tokens_MKW[:, 0].view(*vectors_NSD.shape[:2], -1)
        return self._finish(tokens_NSW, self.scene_position + self.time_network(times_NST))

    def embed_frames(self, maps_NFPC: Tensor, times_NFT: Tensor) -> Tensor:
        """Embeddings (N, 4 F, W) of frames of videos, whose maps are pooled to `frame_grid`."""
        times_NF1W = self.time_network(times_NFT)[:, :, None]
        return self._finish(self._read_maps(maps_NFPC), self.frame_positions + times_NF1W).flatten(1, 2)

    def embed_sounds(self, vectors_ND: Tensor) -> Tensor:
        """Embeddings (N, 3, W) of the vectors of sounds."""
        return self._finish(self._read_vectors(vectors_ND + self.sound_shift), self.sound_positions)

    def _read_maps(self, maps_PC: Tensor) -> Tensor:
        standardised = (maps_PC.float() - self.map_mean) / self.map_std
        tokens: Tensor = self.map_network(self._disturb(standardised))
        return tokens

    def _read_vectors(self, vectors_ND: Tensor) -> Tensor:
        scaled = vectors_ND.float() * self.config.vector_size**0.5
        tokens: Tensor = self.vector_network(self._disturb(scaled))
        return tokens.view(-1, self.config.num_vector_tokens, self.config.hidden_size)

    def _disturb(self, x: Tensor) -> Tensor:
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        return functional.dropout(x, self.dropout, self.training)

    def _finish(self, tokens: Tensor, positions: Tensor) -> Tensor:
        return functional.rms_norm(tokens.float(), tokens.shape[-1:], self.gain, NORM_EPSILON) + positions


def pool_maps(maps_NHWC: Tensor, grid: int) -> Tensor:
    """Feature maps (N, grid * grid, C), places by row; see `pooling.pool_map`."""
    pooled_NCGG = functional.adaptive_avg_pool2d(maps_NHWC.permute(0, 3, 1, 2), grid)
    return pooled_NCGG.flatten(2).transpose(1, 2)


def _make_network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU("tanh"), nn.Linear(hidden, outputs))
