"""The sound tower's weights as they are kept: kernels and matrices in 8 bits with a scale for each output, the rest in float32.

A name W has the rounded values, `W.scale` what they are multiplied by.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mm.errors import Corrupt

Float = npt.NDArray[np.float32]

SCALE = ".scale"


def rounded(weights: dict[str, Float]) -> dict[str, npt.NDArray[np.generic]]:
    """The weights as they are kept. Each value moves by half a step of 1/127 of the largest of its output at most."""
    found: dict[str, npt.NDArray[np.generic]] = {}
    for name, value in weights.items():
        if value.ndim < 2:
            found[name] = value.astype(np.float32)
            continue
        scale = np.abs(value).max(axis=tuple(range(1, value.ndim))) / np.float32(127)
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        found[name] = np.round(value / _along(scale, value.ndim)).astype(np.int8)
        found[name + SCALE] = scale
    return found


def read_weights(path: Path) -> dict[str, Float]:
    """The weights in float32. Raises `Corrupt`."""
    try:
        kept = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The sound tower's weights cannot be read from {path}: {error}.") from error
    return restored(kept)


def restored(kept: dict[str, npt.NDArray[np.generic]]) -> dict[str, Float]:
    """The opposite of `rounded`."""
    found: dict[str, Float] = {}
    for name, value in kept.items():
        if name.endswith(SCALE):
            continue
        found[name] = value.astype(np.float32)
        if name + SCALE in kept:
            found[name] *= _along(kept[name + SCALE].astype(np.float32), value.ndim)
    return found


def _along(scale: Float, axes: int) -> Float:
    return scale.reshape(-1, *[1] * (axes - 1))
