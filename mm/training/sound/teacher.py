"""Loads the teacher of the sound tower, YAMNet, from its TensorFlow Lite file."""

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
    """Read the weights of a `SoundEncoder`, except for the class vectors.

    Raises `InvalidInput` for a file of another network.
    """
    constants = [value for _, value in read_constants(path) if value.ndim in (1, 2, 4) and value.size > 4]
    names = ["stem", *(f"{kind}.{block}" for block in range(13) for kind in ("depths", "points")), "classes"]
    if len(constants) != 2 * len(names):
        raise InvalidInput(f"{path} is not YAMNet: it has {len(constants)} weights, not {2 * len(names)}.")
    weights: dict[str, Tensor] = {}
    for index, name in enumerate(names):
        weight, bias = constants[2 * index : 2 * index + 2]
        weights[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(_to_torch_layout(weight, name)))
        weights[f"{name}.bias"] = torch.from_numpy(bias)
    shapes = {name: value.shape for name, value in SoundEncoder(len(weights["classes.bias"]), 1).state_dict().items()}
    if any(weights[name].shape != shapes[name] for name in weights):
        raise InvalidInput(f"{path} is not YAMNet: its weights have other shapes.")
    return weights


def load_teacher(path: Path, num_classes: int) -> SoundEncoder:
    """Load YAMNet with class vectors of zeros.

    Raises `InvalidInput` for a file of another network or with another number of classes.
    """
    weights = read_teacher(path)
    if len(weights["classes.bias"]) != num_classes:
        raise InvalidInput(f"The teacher has {len(weights['classes.bias'])} classes, the list of names {num_classes}.")
    network = SoundEncoder(num_classes, 1)
    network.load_state_dict({**weights, "vectors": torch.zeros(num_classes, 1)})
    return network.eval().requires_grad_(False)


def _to_torch_layout(weight: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """Transpose kernels to (out, in, height, width).

    The file has (1, height, width, out) for depthwise and (out, height, width, in) for others.
    """
    if name == "classes":
        return weight
    return weight.transpose(3, 0, 1, 2) if name.startswith("depths") else weight.transpose(0, 3, 1, 2)
