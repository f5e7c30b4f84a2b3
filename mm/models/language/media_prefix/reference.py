"""The media prefix in NumPy: what the language model gets of an image, a video or a sound.

A place of the image tower's feature map and a vector of the shared space become embeddings by a
network of two layers each, as in LLaVA-1.5 (Liu et al. 2023, arXiv:2310.03744) and ClipCap (Mokady
et al. 2021, arXiv:2111.09734). All embeddings have the scale of token embeddings. Scenes, frames
and sounds are read by the networks of images, because they have vectors of the same space. Names
of arrays end in their axes: N items, P places, H height, W width or hidden size, C channels, D
dimensions of the space, T times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.models.language.media_prefix.config import NORM_EPSILON, MediaPrefixConfig, check_prefix_weights
from mm.models.language.media_prefix.pooling import pool_map
from mm.models.language.media_prefix.scenes import MAX_FRAMES, SceneLike, describe_times, merge_scenes, sample_evenly
from mm.models.language.weights import Weights

Float = npt.NDArray[np.float32]


class ImageLike(Protocol):
    """An image, as `mm.models.image.map_tower.ImageFeatures`."""

    @property
    def map_HWC(self) -> Float: ...  # noqa: N802 (the axes of the array)
    @property
    def vector_D(self) -> Float: ...  # noqa: N802


class MediaPrefix:
    """Prefix embeddings of media, for one item at a time. Safe to call from several threads."""

    def __init__(self, config: MediaPrefixConfig, weights: Weights) -> None:
        """Raises `Corrupt` when these are not the weights of `config`."""
        check_prefix_weights(config, weights)
        self.config, self._weights = config, weights

    @property
    def weights(self) -> Weights:
        """The weights by name."""
        return self._weights

    def embed_image(self, map_HWC: Float, vector_D: Float) -> Float:
        """Embeddings (28, W): those of the vector, then those of 5 x 5 places by row.

        Raises `InvalidInput` for another shape.
        """
        tokens = np.concatenate([self._read_vectors(vector_D[None])[0], self._read_map(map_HWC, self.config.grid)])
        return self._finish(tokens, self._weights["image_positions"])

    def embed_video(self, scenes: Sequence[SceneLike], frames: Sequence[ImageLike] = ()) -> Float:
        """Embeddings (64 + 32 at most, W): one of each scene in order, then 2 x 2 of each frame.

        Of more scenes, adjacent ones are merged; of more frames, evenly spaced ones are read:
        `scenes.describe_limits` says so. Frames are in order, and are taken to be at even distances
        in the video. Raises `InvalidInput` for a video without either, or for another shape.
        """
        if not scenes and not frames:
            raise InvalidInput("A video needs at least one scene or frame.")
        merged = merge_scenes(scenes)
        length = max((scene.end for scene in merged), default=0.0)
        tokens = [self._embed_scene(scene, length) for scene in merged]
        spans = place_frames(len(frames), length)
        tokens += [self._embed_frame(frames[index], spans[index], length) for index in sample_evenly(len(frames), MAX_FRAMES)]
        return np.concatenate(tokens)

    def embed_sound(self, vector_D: Float) -> Float:
        """Embeddings (3, W) of the vector of a sound. Raises `InvalidInput` for another shape."""
        self._require_vector(vector_D)
        shifted_D = vector_D + self._weights["sound_shift"]
        return self._finish(self._read_vectors(shifted_D[None])[0], self._weights["sound_positions"])

    def _embed_scene(self, scene: SceneLike, length: float) -> Float:
        times_W = self._read_times((scene.start, scene.end), length)
        return self._finish(self._read_vectors(scene.vector_D[None])[0, :1], self._weights["scene_position"] + times_W)

    def _embed_frame(self, frame: ImageLike, span: tuple[float, float], length: float) -> Float:
        times_W = self._read_times(span, length)
        return self._finish(self._read_map(frame.map_HWC, self.config.frame_grid), self._weights["frame_positions"] + times_W)

    def _read_map(self, map_HWC: Float, grid: int) -> Float:
        channels = self.config.map_channels
        if map_HWC.ndim != 3 or 0 in map_HWC.shape or map_HWC.shape[2] != channels:
            raise InvalidInput(f"A feature map must be (height, width, {channels}), not {map_HWC.shape}.")
        pooled_PC = pool_map(map_HWC, grid).reshape(-1, channels)
        return self._apply("map_network", (pooled_PC - self._weights["map_mean"]) / self._weights["map_std"])

    def _read_vectors(self, vectors_ND: Float) -> Float:
        """Embeddings (N, 3, W) before norm and position.

        A unit vector is scaled to a mean square of 1.
        """
        for vector_D in vectors_ND:
            self._require_vector(vector_D)
        scaled = vectors_ND * np.float32(self.config.vector_size**0.5)
        tokens: Float = self._apply("vector_network", scaled).reshape(len(vectors_ND), -1, self.config.hidden_size)
        return tokens

    def _read_times(self, span: tuple[float, float], length: float) -> Float:
        times_W: Float = self._apply("time_network", describe_times([span], length))[0]
        return times_W

    def _apply(self, name: str, x: Float) -> Float:
        weights = self._weights
        hidden = gelu(x @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"])
        output: Float = hidden @ weights[f"{name}.2.weight"].T + weights[f"{name}.2.bias"]
        return output

    def _finish(self, tokens: Float, positions: Float) -> Float:
        mean_square = (tokens * tokens).mean(axis=-1, keepdims=True)
        finished: Float = tokens / np.sqrt(mean_square + np.float32(NORM_EPSILON)) * self._weights["gain"] + positions
        return finished

    def _require_vector(self, vector_D: Float) -> None:
        if vector_D.shape != (self.config.vector_size,):
            raise InvalidInput(f"A vector of the shared space must be ({self.config.vector_size},), not {vector_D.shape}.")


def place_frames(count: int, length: float) -> list[tuple[float, float]]:
    """Start and end, both the same, of frames at even distances in a video."""
    times = [(index + 0.5) * length / count for index in range(count)]
    return [(time, time) for time in times]


def gelu(x: Float) -> Float:
    """The GELU of Hendrycks and Gimpel 2016 (arXiv:1606.08415), in its tanh approximation."""
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x * x * x)
    activated: Float = np.float32(0.5) * x * (1 + np.tanh(inner))
    return activated
