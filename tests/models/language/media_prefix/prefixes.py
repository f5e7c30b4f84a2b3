"""Small media prefixes with random weights, and random media."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm.models.language.media_prefix.config import MediaPrefixConfig, list_prefix_shapes

TINY = MediaPrefixConfig(
    hidden_size=32, map_channels=20, vector_size=12, map_hidden_size=16, vector_hidden_size=24, time_hidden_size=8
)


@dataclass(frozen=True)
class AScene:
    start: float
    end: float
    vector_D: np.ndarray


@dataclass(frozen=True)
class AnImage:
    map_HWC: np.ndarray
    vector_D: np.ndarray


def random_prefix_weights(config: MediaPrefixConfig, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = {name: random.standard_normal(shape, np.float32) for name, shape in list_prefix_shapes(config).items()}
    weights["map_std"] = np.abs(weights["map_std"]) + np.float32(0.5)
    return {name: value * np.float32(0.3) if value.ndim > 1 else value for name, value in weights.items()}


def random_vectors(config: MediaPrefixConfig, count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, config.vector_size), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_images(config: MediaPrefixConfig, count: int, side: int = 10, seed: int = 0) -> list[AnImage]:
    maps = np.random.default_rng(seed).standard_normal((count, side, side, config.map_channels), np.float32)
    return [AnImage(*pair) for pair in zip(maps, random_vectors(config, count, seed + 1), strict=True)]


def random_scenes(config: MediaPrefixConfig, count: int, seed: int = 0) -> list[AScene]:
    times = np.random.default_rng(seed).uniform(0.1, 20, count).cumsum().tolist()
    starts = [0.0, *times][:count]
    return [AScene(*row) for row in zip(starts, times, random_vectors(config, count, seed), strict=True)]
