"""The XMP packet of an MP4 or QuickTime movie (XMP Specification, part 3, 1.1.3 and 1.1.4)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from mm.media.capture.xmp import MAX_BYTES

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
PATH = (b"moov", b"udta", b"XMP_")
"""Where QuickTime has the packet; MP4 has it in a box `uuid` of the file."""
MAX_BOXES = 1000


def find_packet(file: BinaryIO) -> bytes | None:
    """The packet; None if there is none, or its boxes are damaged."""
    size = file.seek(0, os.SEEK_END)
    for kind, start, end in _iterate_boxes(file, 0, size):
        if kind == b"uuid" and _read(file, start, start + 16) == XMP_UUID:
            return _read(file, start + 16, end)
    return _find_nested(file, PATH, 0, size)


def _find_nested(file: BinaryIO, path: tuple[bytes, ...], start: int, end: int) -> bytes | None:
    """The content of the first box at this path."""
    if not path:
        return _read(file, start, end)
    inner = (box for box in _iterate_boxes(file, start, end) if box[0] == path[0])
    found = (_find_nested(file, path[1:], start, end) for _, start, end in inner)
    return next((data for data in found if data is not None), None)


def _iterate_boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type of each box, and start and end of its content (ISO 14496-12, 4.2)."""
    for _ in range(MAX_BOXES):
        head = _read(file, start, min(start + 16, end))
        length, body = int.from_bytes(head[:4]), start + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16]), start + 16
        elif length == 0:
            length = end - start
        if len(head) < 8 or start + length < body or start + length > end:
            return
        yield head[4:8], body, start + length
        start += length


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(max(end - start, 0), MAX_BYTES + 1))
