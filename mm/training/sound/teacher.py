"""The teacher of the sound tower, YAMNet, from its TensorFlow Lite file into our network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mm.errors import InvalidInput
from mm.models.sound.yamnet_torch import SoundEncoder
from mm.training.sound.tflite import read_constants


def read_teacher(path: Path) -> dict[str, Tensor]:
    """Weights of a `SoundEncoder`, but for the classes' vectors. Raises `InvalidInput` for a file
    of another network."""
    constants = [value for _, value in read_constants(path) if value.ndim in (1, 2, 4) and value.size > 4]
    names = ["stem", *(f"{kind}.{block}" for block in range(13) for kind in ("depths", "points")), "classes"]
    if len(constants) != 2 * len(names):
        raise InvalidInput(f"{path} is not YAMNet: it has {len(constants)} weights, not {2 * len(names)}.")
    found: dict[str, Tensor] = {}
    for index, name in enumerate(names):
        weight, bias = constants[2 * index : 2 * index + 2]
        found[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(_turned(weight, name)))
        found[f"{name}.bias"] = torch.from_numpy(bias)
    shapes = {name: value.shape for name, value in SoundEncoder(len(found["classes.bias"]), 1).state_dict().items()}
    if any(found[name].shape != shapes[name] for name in found):
        raise InvalidInput(f"{path} is not YAMNet: its weights have other shapes.")
    return found


def teacher_network(path: Path, classes: int) -> SoundEncoder:
    """YAMNet, its classes' vectors left at zero. Raises `InvalidInput` for a file of another
    network or other classes."""
    weights = read_teacher(path)
    if len(weights["classes.bias"]) != classes:
        raise InvalidInput(f"The teacher has {len(weights['classes.bias'])} classes, the list of names {classes}.")
    network = SoundEncoder(classes, 1)
    network.load_state_dict({**weights, "vectors": torch.zeros(classes, 1)})
    return network.eval().requires_grad_(False)


def _turned(weight: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """Kernels as torch has them, (out, in, height, width); the file has (out, height, width, in)
    and (1, height, width, out)."""
    if name == "classes":
        return weight
    return weight.transpose(3, 0, 1, 2) if name.startswith("depths") else weight.transpose(0, 3, 1, 2)
