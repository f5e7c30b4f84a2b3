"""Writes GGUF, version 3, little endian; see `reader`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from mm.errors import InvalidInput
from mm.files import open_atomic
from mm.models.language.gguf.blocks import BLOCK_TYPES, Float
from mm.models.language.gguf.reader import DEFAULT_ALIGNMENT, MAGIC, VERSIONS, Value

_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor to be written. Raises `InvalidInput` when its rows are not whole blocks."""

    values: Float
    block_type: int
    """A key of `BLOCK_TYPES`."""

    def __post_init__(self) -> None:
        kind = BLOCK_TYPES[self.block_type]
        if self.values.shape[-1] % kind.num_values:
            raise InvalidInput(f"Rows of {self.values.shape[-1]} values are not whole blocks of {kind.name}.")

    @property
    def num_bytes(self) -> int:
        """Bytes of its data."""
        kind = BLOCK_TYPES[self.block_type]
        return prod(self.values.shape) // kind.num_values * kind.num_bytes

    def encode(self) -> bytes:
        """Its data."""
        kind = BLOCK_TYPES[self.block_type]
        return kind.quantize(self.values.reshape(-1, kind.num_values)).tobytes()


def write_gguf(path: Path, metadata: Mapping[str, Value], tensors: Mapping[str, Tensor]) -> None:
    """Write a file atomically; one tensor at a time is encoded.

    Integers are stored in 32 bits: signed ones in arrays, unsigned ones otherwise. Raises
    `InvalidInput` for a value of another type or size, `OSError` when the file cannot be written.
    """
    header = MAGIC + struct.pack("<IQQ", VERSIONS[-1], len(tensors), len(metadata))
    header += b"".join(_pack_string(key) + _pack_value(key, value) for key, value in metadata.items())
    offset = 0
    for name, tensor in tensors.items():
        axes = tensor.values.shape[::-1]
        header += _pack_string(name) + struct.pack(f"<I{len(axes)}QIQ", len(axes), *axes, tensor.block_type, offset)
        offset += _align(tensor.num_bytes)
    with open_atomic(path) as file:
        _write_aligned(file, header)
        for tensor in tensors.values():
            _write_aligned(file, tensor.encode())


def _write_aligned(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.write(b"\0" * (_align(len(data)) - len(data)))


def _align(count: int) -> int:
    return -(-count // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT


def _pack_string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _pack_value(key: str, value: Value) -> bytes:
    """A value after its type."""
    try:
        match value:
            case bool():
                return struct.pack("<I?", 7, value)
            case int():
                return struct.pack("<II", 4, value)
            case float():
                return struct.pack("<If", 6, value)
            case str():
                return struct.pack("<I", _STRING) + _pack_string(value)
            case [str(), *_]:
                return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + b"".join(_pack_string(str(item)) for item in value)
            case list():
                return struct.pack(f"<IIQ{len(value)}i", _ARRAY, 5, len(value), *value)
    except struct.error as error:
        raise InvalidInput(f"{key} cannot be stored in a GGUF file: {error}.") from error
    raise InvalidInput(f"{key} cannot be stored in a GGUF file: {type(value).__name__}.")
