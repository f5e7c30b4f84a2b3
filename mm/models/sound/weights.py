"""The sound tower's weights as they are kept: kernels and matrices in 8 bits with a scale for each
output, the rest in float32.

A name W has the rounded values, `W.scale` what they are multiplied by. The metadata holds the names
of the classes, a line each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from mm.errors import Corrupt

Float = npt.NDArray[np.float32]

SCALE, NAMES = ".scale", "classes"


def quantize(weights: dict[str, Float]) -> dict[str, npt.NDArray[np.generic]]:
    """The weights as they are kept. Each value moves by half a step of 1/127 of the largest of its
    output at most."""
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


def serialize_weights(weights: dict[str, Float], names: Sequence[str]) -> bytes:
    """The file's bytes: the weights `quantize`, and the names of the classes."""
    return bytes(save(quantize(weights), {NAMES: "\n".join(names)}))


def read_names(path: Path) -> list[str]:
    """The names of the classes, in the order of their scores. Raises `Corrupt`."""
    try:
        with safe_open(path, "np") as file:
            return str(file.metadata()[NAMES]).split("\n")
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise Corrupt(f"The names of the sound tower's classes cannot be read from {path}: {error}.") from error


def read_weights(path: Path) -> dict[str, Float]:
    """The weights in float32. Raises `Corrupt`."""
    try:
        kept = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The sound tower's weights cannot be read from {path}: {error}.") from error
    return dequantize(kept)


def dequantize(kept: dict[str, npt.NDArray[np.generic]]) -> dict[str, Float]:
    """The opposite of `quantize`."""
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
