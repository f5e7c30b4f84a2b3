"""Writes GGUF files, and a scalar implementation of their block types."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8
BYTES_PER_BLOCK = {F32: 4, F16: 2, Q4_1: 20, Q8_0: 34}
VALUES_PER_BLOCK = {F32: 1, F16: 1, Q4_1: 32, Q8_0: 32}


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: its shape in NumPy's order, its type, its bytes."""

    shape: tuple[int, ...]
    kind: int
    data: bytes


def of_array(values: np.ndarray) -> Stored:
    return Stored(values.shape, F32, values.astype("<f4").tobytes())


def random_blocks(shape: tuple[int, ...], kind: int, seed: int) -> Stored:
    """Blocks of random bits with finite scales."""
    random = np.random.default_rng(seed)
    blocks = bytearray()
    for _ in range(int(np.prod(shape)) // VALUES_PER_BLOCK[kind]):
        if kind == F32:
            blocks += struct.pack("<f", random.normal())
        elif kind == F16:
            blocks += struct.pack("<e", random.normal())
        else:
            blocks += struct.pack("<e", random.normal())
            blocks += struct.pack("<e", random.normal()) if kind == Q4_1 else b""
            blocks += random.integers(0, 256, 16 if kind == Q4_1 else 32, dtype=np.uint8).tobytes()
    return Stored(shape, kind, bytes(blocks))


def dequantize_scalars(tensor: Stored) -> np.ndarray:
    """The values of a tensor, computed one by one from the specification."""
    size, values = BYTES_PER_BLOCK[tensor.kind], list[float]()
    for start in range(0, len(tensor.data), size):
        block = tensor.data[start : start + size]
        if tensor.kind == F32:
            values.append(struct.unpack("<f", block)[0])
        elif tensor.kind == F16:
            values.append(struct.unpack("<e", block)[0])
        elif tensor.kind == Q4_1:
            scale, minimum = struct.unpack("<ee", block[:4])
            low_first = [byte % 16 for byte in block[4:]] + [byte // 16 for byte in block[4:]]
            values += [scale * number + minimum for number in low_first]
        else:
            (scale,) = struct.unpack("<e", block[:2])
            values += [scale * number for number in struct.unpack("<32b", block[2:])]
    return np.array(values, np.float64).reshape(tensor.shape)


def pack_string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def pack_value(value: object) -> bytes:
    """A metadata value after its type."""
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + pack_string(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(pack_string, value))
        case list():
            return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    raise TypeError(type(value))


def make_gguf(metadata: Mapping[str, object], tensors: Mapping[str, Stored], version: int = 3, alignment: int = 32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(pack_string(key) + pack_value(value) for key, value in metadata.items())
    body = b""
    for name, tensor in tensors.items():
        body += b"\0" * (-len(body) % alignment)
        axes = tensor.shape[::-1]
        head += pack_string(name) + struct.pack(f"<I{len(axes)}QIQ", len(axes), *axes, tensor.kind, len(body))
        body += tensor.data
    return head + b"\0" * (-len(head) % alignment) + body


def write_gguf(path: Path, metadata: Mapping[str, object], tensors: Mapping[str, Stored]) -> Path:
    path.write_bytes(make_gguf(metadata, tensors))
    return path
