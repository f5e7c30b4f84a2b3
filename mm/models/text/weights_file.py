"""The file of trained weights for other languages: matrices in 8 bits, read by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mm.errors import Corrupt

SCALE = ".scale"
"""Suffix of the tensor that holds the scale of each row of an 8-bit matrix."""
BASE = "base_sha256"
"""Metadata of the file: the SHA-256 of the encoder's file that it was trained with."""
UPDATES, DOWN, UP = "update.", ".down", ".up"
"""Prefix of the low-rank updates, and suffixes of their matrices (R, C) and (D, R)."""

Tensors = Mapping[str, npt.NDArray[np.generic]]
Float = npt.NDArray[np.float32]


def read_tensors(path: Path, prefix: str) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors whose names have this prefix. Raises `Corrupt` when the file cannot be read."""
    try:
        with safe_open(str(path), "np") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, str(error)) from error


def read_base(path: Path) -> str:
    """The digest of the file of the encoder. Raises `Corrupt` when there is none."""
    try:
        with safe_open(str(path), "np") as file:
            return str(file.metadata()[BASE])
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise _unreadable(path, str(error)) from error


def read_updates(path: Path) -> dict[str, Float]:
    """The update (D, C) of each matrix that has one, by its name. Raises `Corrupt`."""
    stored = dequantize(read_tensors(path, UPDATES))
    names = [name.removesuffix(DOWN) for name in stored if name.endswith(DOWN)]
    try:
        return {name.removeprefix(UPDATES): stored[name + UP] @ stored[name + DOWN] for name in names}
    except (KeyError, ValueError) as error:
        raise _unreadable(path, f"the update {error} is not complete") from error


def dequantize(tensors: Tensors) -> dict[str, Float]:
    """The opposite of `quantize`: all tensors in float32."""
    return {
        name: tensor.astype(np.float32) * tensors[name + SCALE].astype(np.float32)
        if name + SCALE in tensors
        else tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def quantize(tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors of a weights file: matrices (R, C) as int8 with a scale (R, 1) for each row.

    Other tensors are stored in float32.
    """
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            stored[name] = tensor.astype(np.float32)
            continue
        scale = np.maximum(np.abs(tensor.astype(np.float32)).max(1, keepdims=True), 1e-12) / np.float32(127)
        stored[name] = np.rint(tensor / scale).astype(np.int8)
        stored[name + SCALE] = scale.astype(np.float32)
    return stored


def _unreadable(path: Path, reason: str) -> Corrupt:
    return Corrupt(f"The multilingual text tower cannot be read from {path}: {reason}.")
