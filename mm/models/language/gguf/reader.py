"""Reads GGUF, versions 2 and 3, little endian.

Specification: `docs/gguf.md` of the GGML project. A file holds a header, metadata as pairs of key
and typed value, the name, shape, type and offset of each tensor, and the aligned data.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.models.language.gguf.blocks import BLOCK_TYPES, BlockType

Float = npt.NDArray[np.float32]
Scalar = int | float | bool
Value = Scalar | str | list[str] | list[Scalar]
T = TypeVar("T")

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
"""Alignment of tensor data in bytes when the metadata do not state it."""
MAX_DIMENSIONS = 4

_STRING, _ARRAY = 8, 9
_SCALAR_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies in the file."""

    shape: tuple[int, ...]
    """Row-major: the last axis is contiguous, unlike the order in the file."""
    block_type: BlockType
    start: int
    """Of its first byte in the file."""

    @property
    def num_bytes(self) -> int:
        """Bytes that the tensor occupies."""
        return prod(self.shape) // self.block_type.num_values * self.block_type.num_bytes


@dataclass(frozen=True, slots=True)
class GGUFFile:
    """Metadata and tensor directory of a file; data are read by `read_tensor`."""

    path: Path
    metadata: Mapping[str, Value]
    tensors: Mapping[str, TensorInfo]

    def get_int(self, key: str) -> int:
        """An integer of the metadata. Raises `Corrupt` when it is missing or of another type."""
        return self._get(key, int)

    def get_float(self, key: str) -> float:
        """A number of the metadata. Raises `Corrupt` when it is missing or of another type."""
        return self._get(key, float)

    def get_str(self, key: str) -> str:
        """A string of the metadata. Raises `Corrupt` when it is missing or of another type."""
        return self._get(key, str)

    def get_strings(self, key: str) -> list[str]:
        """Strings of the metadata. Raises `Corrupt` when they are missing or of another type."""
        return self._get_list(key, str)

    def get_ints(self, key: str) -> list[int]:
        """Integers of the metadata. Raises `Corrupt` when they are missing or of another type."""
        return self._get_list(key, int)

    def read_tensor(self, name: str) -> Float:
        """A tensor in float32.

        Raises `Corrupt` when the file has no such tensor, or the tensor has values that are not
        finite.
        """
        info = self.tensors.get(name)
        if info is None:
            raise Corrupt(f"{self.path} has no tensor {name}.")
        kind = info.block_type
        data = np.fromfile(self.path, np.uint8, info.num_bytes, offset=info.start)
        if data.size != info.num_bytes:
            raise Corrupt(f"{self.path} ends inside the tensor {name}.")
        with np.errstate(over="ignore", invalid="ignore"):
            values = kind.dequantize(data.reshape(-1, kind.num_bytes))
        if not np.isfinite(values).all():
            raise Corrupt(f"The tensor {name} of {self.path} has values that are not finite.")
        return values.reshape(info.shape)

    def _get(self, key: str, kind: type[T]) -> T:
        value = self.metadata.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):  # bool is a subclass of int
            raise Corrupt(f"{key} of {self.path} must be of type {kind.__name__}, not {value!r:.40}.")
        return value

    def _get_list(self, key: str, kind: type[T]) -> list[T]:
        values = self._get(key, list)
        if not all(type(value) is kind for value in values):
            raise Corrupt(f"{key} of {self.path} must be an array of type {kind.__name__}.")
        return values


def read_gguf(path: Path) -> GGUFFile:
    """Read metadata and tensor directory.

    Raises `Corrupt` when the file cannot be read, is truncated, or is of an unsupported version or
    type.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Cursor(path, data).read_file()
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise Corrupt(f"The GGUF file {path} cannot be read: {error}.") from error


_COUNT = struct.Struct("<Q")


class _Cursor:
    """Reads values one after the other; each read is checked against the end of the file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._position = path, data, 0

    def read_file(self) -> GGUFFile:
        if self._take(len(MAGIC)) != MAGIC:
            raise Corrupt(f"{self._path} is not a GGUF file.")
        version = int(self._read("I"))
        if version not in VERSIONS:
            raise Corrupt(f"{self._path} has GGUF version {version}; supported are {VERSIONS[0]} and {VERSIONS[1]}.")
        num_tensors, num_pairs = self._read_count(), self._read_count()
        metadata = dict(self._read_pair() for _ in range(num_pairs))
        entries = [self._read_tensor_entry() for _ in range(num_tensors)]
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise Corrupt(f"The alignment of {self._path} is {alignment!r}, not a positive integer.")
        start = -(-self._position // alignment) * alignment
        tensors = {name: TensorInfo(shape, kind, start + offset) for name, shape, kind, offset in entries}
        for name, info in tensors.items():
            if info.start + info.num_bytes > len(self._data):
                raise Corrupt(f"{self._path} ends inside the tensor {name}.")
        return GGUFFile(self._path, metadata, tensors)

    def _read_pair(self) -> tuple[str, Value]:
        key = self._read_string()
        return key, self._read_value(key, int(self._read("I")))

    def _read_value(self, key: str, kind: int) -> Value:
        if kind == _STRING:
            return self._read_string()
        if kind != _ARRAY:
            return self._read(self._scalar_format(key, kind))
        item_kind, count = int(self._read("I")), self._read_count()
        if item_kind == _STRING:
            return self._read_strings(count)
        return self._read_scalars(self._scalar_format(key, item_kind), count)

    def _scalar_format(self, key: str, kind: int) -> str:
        if kind not in _SCALAR_FORMATS:
            raise Corrupt(f"{key} of {self._path} has the unsupported type {kind}.")
        return _SCALAR_FORMATS[kind]

    def _read_tensor_entry(self) -> tuple[str, tuple[int, ...], BlockType, int]:
        name, num_dimensions = self._read_string(), int(self._read("I"))
        if not 1 <= num_dimensions <= MAX_DIMENSIONS:
            raise Corrupt(f"The tensor {name} of {self._path} has {num_dimensions} axes; supported are 1 to {MAX_DIMENSIONS}.")
        shape = tuple(int(self._read("Q")) for _ in range(num_dimensions))[::-1]
        number, offset = int(self._read("I")), int(self._read("Q"))
        kind = BLOCK_TYPES.get(number)
        if kind is None:
            supported = ", ".join(known.name for known in BLOCK_TYPES.values())
            raise Corrupt(f"The tensor {name} of {self._path} has the type {number}; supported are {supported}.")
        if not all(shape):
            raise Corrupt(f"The tensor {name} of {self._path} is empty.")
        if shape[-1] % kind.num_values:
            raise Corrupt(f"The rows of the tensor {name} of {self._path} are not whole blocks of {kind.num_values}.")
        return name, shape, kind, offset

    def _read_string(self) -> str:
        try:
            return self._take(self._read_count()).decode()
        except UnicodeDecodeError as error:
            raise Corrupt(f"{self._path} holds a string that is not UTF-8.") from error

    def _read_strings(self, count: int) -> list[str]:
        """As `_read_string`, `count` times: a vocabulary has some hundred thousand."""
        data, position, size, unpack = self._data, self._position, len(self._data), _COUNT.unpack_from
        strings = []
        try:
            for _ in range(count):
                start = position + _COUNT.size
                (length,) = unpack(data, position)
                position = start + length
                if position > size:
                    raise Corrupt(f"{self._path} is truncated: {length} bytes are announced at byte {start}.")
                strings.append(data[start:position].decode())
        except struct.error as error:
            raise Corrupt(f"{self._path} is truncated at byte {position}.") from error
        except UnicodeDecodeError as error:
            raise Corrupt(f"{self._path} holds a string that is not UTF-8.") from error
        self._position = position
        return strings

    def _read_count(self) -> int:
        """A count of strings, values or bytes, each of which takes at least one byte."""
        count = int(self._read("Q"))
        if count > len(self._data) - self._position:
            raise Corrupt(f"{self._path} is truncated: {count} entries are announced at byte {self._position}.")
        return count

    def _read_scalars(self, kind: str, count: int) -> list[Scalar]:
        layout = struct.Struct(f"<{count}{kind}")
        return list(layout.unpack(self._take(layout.size)))

    def _read(self, kind: str) -> Scalar:
        return self._read_scalars(kind, 1)[0]

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise Corrupt(f"{self._path} is truncated: it ends before byte {end}.")
        taken = self._data[self._position : end]
        self._position = end
        return taken
