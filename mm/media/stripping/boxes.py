"""Boxes of the ISO base media format and of QuickTime (ISO 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mm.media.stripping.pieces import MAX_PIECES, Edit, NotStripped, Zeros, measure, read_exactly

MAX_BOXES = 100_000
"""Most boxes that are read of one file."""
MAX_TABLE_BYTES = 4 << 20
"""Longest table that is read into memory."""


class Box(NamedTuple):
    """A box: its type, where it begins, where its content begins, and where it ends."""

    kind: bytes
    start: int
    body: int
    end: int


class Edits(list[Edit]):
    """Edits that keep the length of the file, so that its tables of offsets remain valid."""

    def blank(self, start: int, end: int) -> None:
        """Overwrite a range with zeros. Raises `NotStripped` for too many edits."""
        if len(self) >= MAX_PIECES:
            raise NotStripped("has too many parts")
        if end > start:
            self.append(Edit(start, Zeros(end - start)))

    def free(self, box: Box) -> None:
        """Turn a box into free space (14496-12, 8.1.2)."""
        self.append(Edit(box.start + 4, b"free"))
        self.blank(box.body, box.end)


class BoxReader:
    """Reads boxes of a file, in all at most `MAX_BOXES`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._num_boxes = file, 0
        self.size = measure(file)

    def iterate(self, start: int, end: int) -> Iterator[Box]:
        """The boxes of a range. Fewer than 8 bytes at its end, as QuickTime writes, are no box.

        Raises `NotStripped` for a box that is not in the range.
        """
        while start + 8 <= end:
            self._num_boxes += 1
            if self._num_boxes > MAX_BOXES:
                raise NotStripped("has too many boxes")
            head = read_exactly(self._file, start, 8)
            length, body = int.from_bytes(head[:4]), start + 8
            if length == 1:
                length, body = int.from_bytes(read_exactly(self._file, body, 8)), start + 16
            elif length == 0:  # to the end
                length = end - start
            if start + length < body or start + length > end:
                raise NotStripped("has a box of an invalid length")
            yield Box(head[4:], start, body, start + length)
            start += length

    def children(self, parent: Box, kind: bytes) -> Iterator[Box]:
        """The boxes of one type in a box."""
        return (box for box in self.iterate(parent.body, parent.end) if box.kind == kind)

    def read(self, box: Box, offset: int, length: int) -> bytes:
        """Bytes of the content of a box. Raises `NotStripped` if it is shorter."""
        if box.body + offset + length > box.end:
            raise NotStripped("has a box that is too short")
        return read_exactly(self._file, box.body + offset, length)

    def read_table(self, box: Box) -> bytes:
        """The content of a box. Raises `NotStripped` if it is too long."""
        if box.end - box.body > MAX_TABLE_BYTES:
            raise NotStripped("has a table that is too long")
        return self.read(box, 0, box.end - box.body)
