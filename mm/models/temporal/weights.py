"""The weights file of the temporal network: safetensors, with the configuration as metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.frames import NUM_SCALARS

Float = npt.NDArray[np.float32]

CONFIG = "temporal"
"""Metadata key of the configuration, JSON."""


def list_weight_shapes(config: TemporalConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by name."""
    width, hidden = config.width, config.hidden
    layer = {
        "attend_norm.weight": (width,),
        "qkv.weight": (3 * width, width),
        "out.weight": (width, width),
        "feed_norm.weight": (width,),
        "up.weight": (hidden, width),
        "up.bias": (hidden,),
        "down.weight": (width, hidden),
        "down.bias": (width,),
    }
    return {
        "vector.weight": (width, config.dim),
        "change.weight": (width, config.dim),
        "scalars.weight": (width, NUM_SCALARS),
        "scalars.bias": (width,),
        "global": (config.num_global, width),
        **{f"layers.{number}.{name}": shape for number in range(config.layers) for name, shape in layer.items()},
        "norm.weight": (width,),
        "begins.weight": (2, width),
        "begins.bias": (2,),
    }


def serialize_temporal(config: TemporalConfig, weights: Mapping[str, Float]) -> bytes:
    """The bytes of a weights file: matrices in half precision, the rest in float32."""
    stored = {name: np.ascontiguousarray(value, np.float16 if value.ndim > 1 else np.float32) for name, value in weights.items()}
    return bytes(save(stored, {CONFIG: json.dumps(config.to_metadata())}))


def read_temporal(path: Path) -> tuple[TemporalConfig, dict[str, Float]]:
    """Configuration and weights, in float32. Raises `Corrupt` when the file is not such a
    checkpoint."""
    try:
        with safe_open(path, "np") as file:
            config = TemporalConfig.from_metadata(json.loads(file.metadata()[CONFIG]))
            weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Corrupt(f"The temporal network cannot be read from {path}: {error}.") from error
    expected = list_weight_shapes(config)
    if {name: value.shape for name, value in weights.items()} != expected or not all(
        np.isfinite(value).all() for value in weights.values()
    ):
        raise Corrupt(f"{path} holds other weights than those of a temporal network.")
    return config, weights
