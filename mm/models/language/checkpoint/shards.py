"""Tensors in one safetensors file, or in several with an index, as Hugging Face stores checkpoints.

`NAME.safetensors` becomes `NAME-00001-of-00002.safetensors` and so on, beside the index
`NAME.safetensors.index.json`: {"metadata": {...}, "weight_map": {name of a tensor: file}}. Format
and names are those of `save_pretrained` of transformers; the metadata of the single file is in the
metadata of the index.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput
from mm.files import write_atomic

Tensors = dict[str, npt.NDArray[np.generic]]

INDEX_SUFFIX = ".safetensors.index.json"
"""Of the name of an index; any other path is that of a single file."""


def read_tensors(path: Path) -> tuple[Tensors, Mapping[str, str]]:
    """All tensors and the metadata of a file, or of the files of an index.

    Raises `Corrupt`, which names the file, when one is missing, truncated or lacks a tensor.
    """
    if not path.name.endswith(INDEX_SUFFIX):
        with _open(path) as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (no mapping)
    names_by_file, metadata = _read_index(path)
    tensors: Tensors = {}
    for shard, names in names_by_file.items():
        with _open(shard) as file:
            tensors |= {name: file.get_tensor(name) for name in names}
    return tensors, metadata


def read_file_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a file or of an index, without reading tensors.

    The files of an index are opened: raises `Corrupt` as `read_tensors` does.
    """
    if not path.name.endswith(INDEX_SUFFIX):
        with _open(path) as file:
            return file.metadata() or {}
    names_by_file, metadata = _read_index(path)
    for shard, names in names_by_file.items():
        with _open(shard) as file:
            missing = sorted(set(names) - set(file.keys()))
        if missing:
            raise _unreadable(shard, ValueError(f"it lacks the tensor {missing[0]}"))
    return metadata


def write_shards(
    index: Path, tensors: Mapping[str, npt.NDArray[np.generic]], metadata: Mapping[str, str], max_bytes: int
) -> None:
    """Write tensors, ordered by name, into files of at most `max_bytes`, then the index.

    `max_bytes` is of tensors; the header of a file takes some 100 bytes for each of them.
    Files of an earlier write with another number of files are removed. Raises `InvalidInput` when a
    tensor is larger than a file may be.
    """
    groups: list[Tensors] = [{}]
    size = 0
    for name in sorted(tensors):
        num_bytes = tensors[name].nbytes
        if num_bytes > max_bytes:
            raise InvalidInput(f"The tensor {name} of {num_bytes:,} bytes is larger than a file may be, {max_bytes:,} bytes.")
        if size + num_bytes > max_bytes:
            groups.append({})
            size = 0
        groups[-1][name] = tensors[name]
        size += num_bytes
    stem = index.name.removesuffix(INDEX_SUFFIX)
    names = [f"{stem}-{number:05}-of-{len(groups):05}.safetensors" for number in range(1, len(groups) + 1)]
    index.parent.mkdir(parents=True, exist_ok=True)
    for shard, group in zip(names, groups, strict=True):
        write_atomic(index.parent / shard, save(group))
    described = {**metadata, "total_size": sum(tensor.nbytes for tensor in tensors.values())}
    weight_map = {name: shard for shard, group in zip(names, groups, strict=True) for name in group}
    _write_index(index, described, weight_map)
    for path in index.parent.glob(f"{stem}-?????-of-?????.safetensors"):
        if path.name not in names:
            path.unlink()


def override_tensors(index: Path, target: Path, tensors: Tensors, shard: str, metadata: Mapping[str, str]) -> None:
    """Write an index like `index` that takes some tensors from another file, named `shard`.

    Files that the index names are copied to the folder of `target` unless they are there; the
    overridden tensors stay in them, unread. Raises `Corrupt` as `read_tensors`.
    """
    names_by_file, _ = _read_index(index)
    weight_map = {name: path.name for path, names in names_by_file.items() for name in names}
    weight_map |= dict.fromkeys(tensors, shard)
    for path in names_by_file:
        if path.name in weight_map.values() and path.name != shard and path.parent.resolve() != target.parent.resolve():
            write_atomic(target.parent / path.name, path.read_bytes())
    write_atomic(target.parent / shard, save(tensors))
    total_size = json.loads(index.read_bytes())["metadata"]["total_size"]
    _write_index(target, {**metadata, "total_size": total_size}, dict(sorted(weight_map.items())))


def _write_index(path: Path, metadata: Mapping[str, object], weight_map: Mapping[str, str]) -> None:
    write_atomic(path, (json.dumps({"metadata": metadata, "weight_map": weight_map}, indent=2) + "\n").encode())


def _read_index(path: Path) -> tuple[dict[Path, list[str]], Mapping[str, str]]:
    """The names of the tensors by path of their file, and the metadata."""
    try:
        stored = json.loads(path.read_bytes())
        weight_map: Mapping[str, str] = dict(stored["weight_map"])
        metadata = {key: value for key, value in stored["metadata"].items() if isinstance(value, str)}
        if not weight_map or any(Path(shard).name != shard for shard in weight_map.values()):
            raise ValueError("it must name files of its own folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from error
    names_by_file: dict[Path, list[str]] = {}
    for name, shard in weight_map.items():
        names_by_file.setdefault(path.parent / shard, []).append(name)
    return names_by_file, metadata


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a safetensors file; what cannot be read from it is `Corrupt`."""
    try:
        with safe_open(path, "numpy") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> Corrupt:
    reason = "the file does not exist" if isinstance(error, FileNotFoundError) else str(error)
    if isinstance(error, KeyError):
        reason = f"it has no {error}"
    return Corrupt(f"The trained weights of the language model cannot be read from {path}: {reason}.")
