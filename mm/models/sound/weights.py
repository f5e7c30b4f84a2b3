"""The weights file of the sound tower: kernels and matrices in 8 bits, the rest in float32.

The tensor `W` holds the integers, `W.scale` the scale of each output. The metadata holds the names
of the classes, one a line.
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
    """The tensors of a weights file: int8 with a scale for each output.

    The step is 1/127 of the largest magnitude of an output; the error is at most half a step.
    """
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name, value in weights.items():
        if value.ndim < 2:
            stored[name] = value.astype(np.float32)
            continue
        scale = np.abs(value).max(axis=tuple(range(1, value.ndim))) / np.float32(127)
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        stored[name] = np.round(value / _broadcast(scale, value.ndim)).astype(np.int8)
        stored[name + SCALE] = scale
    return stored


def serialize_weights(weights: dict[str, Float], names: Sequence[str]) -> bytes:
    """The bytes of a weights file: quantized weights and the names of the classes."""
    return bytes(save(quantize(weights), {NAMES: "\n".join(names)}))


def read_names(path: Path) -> list[str]:
    """The names of the classes, in the order of the scores.

    Raises `Corrupt` when the file cannot be read.
    """
    try:
        with safe_open(path, "np") as file:
            return str(file.metadata()[NAMES]).split("\n")
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise Corrupt(f"The class names of the sound tower cannot be read from {path}: {error}.") from error


def read_weights(path: Path) -> dict[str, Float]:
    """The weights in float32. Raises `Corrupt` when the file cannot be read."""
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"The weights of the sound tower cannot be read from {path}: {error}.") from error
    return dequantize(stored)


def dequantize(stored: dict[str, npt.NDArray[np.generic]]) -> dict[str, Float]:
    """The opposite of `quantize`."""
    weights: dict[str, Float] = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            continue
        weights[name] = value.astype(np.float32)
        if name + SCALE in stored:
            weights[name] *= _broadcast(stored[name + SCALE].astype(np.float32), value.ndim)
    return weights


def _broadcast(scale: Float, axes: int) -> Float:
    """The scales of the first axis in the shape of an array with that many axes."""
    return scale.reshape(-1, *[1] * (axes - 1))
