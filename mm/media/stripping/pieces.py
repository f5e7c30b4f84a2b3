"""A file that is made of ranges of another file and of replaced bytes."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import BinaryIO, NamedTuple, TypeAlias

MAX_PIECES = 200_000
"""Most pieces and most edits of one file."""


class NotStripped(Exception):
    """Metadata of the file cannot be removed. `str(error)` completes "it ..."."""


class Stored(NamedTuple):
    """A range of bytes of the original file."""

    offset: int
    length: int


class Zeros(NamedTuple):
    """Zero bytes."""

    length: int


Piece: TypeAlias = Stored | Zeros | bytes


class Edit(NamedTuple):
    """Bytes that replace as many bytes of the original from `offset` on."""

    offset: int
    data: Zeros | bytes


def count_bytes(piece: Piece) -> int:
    """Length of a piece, in bytes."""
    return len(piece) if isinstance(piece, bytes) else piece.length


def measure(file: BinaryIO) -> int:
    """Size of a file, in bytes."""
    return file.seek(0, os.SEEK_END)


def read_exactly(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read a range. Raises `NotStripped` where the file ends before it does."""
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise NotStripped("ends within a structure")
    return data


def join(pieces: Iterable[Piece]) -> list[Piece]:
    """Unite adjacent ranges, and drop empty ones. Raises `NotStripped` for too many pieces."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else b""
        if isinstance(piece, Stored) and isinstance(last, Stored) and last.offset + last.length == piece.offset:
            joined[-1] = Stored(last.offset, last.length + piece.length)
        elif count_bytes(piece):
            joined.append(piece)
        if len(joined) > MAX_PIECES:
            raise NotStripped("has too many parts")
    return joined


def apply_edits(size: int, edits: Iterable[Edit]) -> list[Piece]:
    """The pieces of a file of `size` bytes with these edits.

    Of edits that overlap, the bytes of the first count: no byte that one replaces is kept.
    """
    pieces: list[Piece] = []
    end = 0
    for offset, data in sorted(edits, key=lambda edit: edit.offset):
        start, stop = max(offset, end), min(offset + count_bytes(data), size)
        if stop <= start:
            continue
        replaced = Zeros(stop - start) if isinstance(data, Zeros) else data[start - offset : stop - offset]
        pieces += Stored(end, start - end), replaced
        end = stop
    return join([*pieces, Stored(end, size - end)])


class PiecewiseFile(io.RawIOBase):
    """Reads pieces as one file; closes the original with itself."""

    def __init__(self, original: BinaryIO, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._original, self._pieces = original, pieces
        self._ends = list(accumulate(map(count_bytes, pieces)))
        self._position = 0

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._ends[-1] if self._ends else 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a negative position")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes; fewer only at the end."""
        stop = self.size if size is None or size < 0 else min(self._position + size, self.size)
        parts: list[bytes] = []
        while self._position < stop:
            index = bisect_right(self._ends, self._position)
            piece = self._pieces[index]
            skipped = self._position - (self._ends[index] - count_bytes(piece))
            length = min(self._ends[index], stop) - self._position
            data = self._read_piece(piece, skipped, length)
            if not data:  # the original is shorter than it was
                break
            parts.append(data)
            self._position += len(data)
        return b"".join(parts)

    def readall(self) -> bytes:
        return self.read()

    def close(self) -> None:
        self._original.close()
        super().close()

    def _read_piece(self, piece: Piece, skipped: int, length: int) -> bytes:
        if isinstance(piece, Stored):
            self._original.seek(piece.offset + skipped)
            return self._original.read(length)
        return bytes(length) if isinstance(piece, Zeros) else piece[skipped : skipped + length]
