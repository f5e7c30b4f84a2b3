"""Raw photos of Canon cameras, CR3: JPEG previews inside a file of the ISO base media format.

Such a file has a thumbnail (`THMB`) and directories of Exif (`CMT1`, built as TIFF) in a box of
`moov`, a preview (`PRVW`) in a box of the file, and a JPEG of full size as the only sample of a
track (ISO 14496-12; boxes of Canon: github.com/lclevy/canon_cr3). The sensor's values are not read.
The walk is bounded: `MAX_BOXES` boxes, of a depth of `MAX_DEPTH`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_BOXES, MAX_DEPTH, MAX_EXIF_BYTES = 512, 6, 1 << 20
CANON_BOXES = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
PREVIEW_BOX = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
PREVIEW_HEADER = 8
"""Bytes of the box of the preview before the box `PRVW` inside it."""
JPEG_AT, SIZE_AT = 16, {b"PRVW": 12, b"THMB": 8}
"""Where the JPEG and its size are in the content of these boxes."""


@dataclass(slots=True)
class CanonBoxes:
    """What a walk finds: JPEG images as (offset, size), and Exif directories by the box's name."""

    previews: list[tuple[int, int]] = field(default_factory=list)
    exif: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    """Of the content."""
    end: int


def read_canon_boxes(file: BinaryIO) -> CanonBoxes:
    """Find the previews and the Exif of a CR3. Damaged boxes are left out."""
    found, length = CanonBoxes(), file.seek(0, os.SEEK_END)
    boxes_left, waiting = MAX_BOXES, [(0, length, 0)]
    while waiting:
        start, end, depth = waiting.pop()
        sizes: list[int] = []
        for box in _list_boxes(file, start, end):
            boxes_left -= 1
            if boxes_left < 0:
                return found
            inner = _find_content(file, box)
            if inner is not None and depth < MAX_DEPTH:
                waiting.append((inner, box.end, depth + 1))
            elif box.kind == b"stsz":
                sizes = _read_sizes(file, box)
            elif box.kind in {b"stco", b"co64"} and len(sizes) == 1:
                found.previews += [(offset, sizes[0]) for offset in _read_offsets(file, box)]
            elif box.kind in {b"PRVW", b"THMB"}:
                found.previews.append((box.start + JPEG_AT, int.from_bytes(_read(file, box.start + SIZE_AT[box.kind], 4))))
            elif box.kind[:3] == b"CMT" and box.end - box.start <= MAX_EXIF_BYTES:
                found.exif[box.kind] = _read(file, box.start, box.end - box.start)
    return found


def _list_boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes of a range; ends at one that does not fit."""
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", _read(file, start, 8).ljust(8, b"\0"))
        header = 8
        if size == 1:
            header, size = 16, int.from_bytes(_read(file, start + 8, 8))
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield _Box(kind, start + header, start + size)
        start += size


def _find_content(file: BinaryIO, box: _Box) -> int | None:
    """Where the boxes inside a box begin; None if it contains none that are read."""
    if box.kind in CONTAINERS:
        return box.start
    if box.kind != b"uuid":
        return None
    identity = _read(file, box.start, 16)
    if identity == CANON_BOXES:
        return box.start + 16
    return box.start + 16 + PREVIEW_HEADER if identity == PREVIEW_BOX else None


def _read_sizes(file: BinaryIO, box: _Box) -> list[int]:
    """Size of the only sample of a track; empty for several (ISO 14496-12, 8.7.3)."""
    data = _read(file, box.start, 16)
    if len(data) < 12:
        return []
    _, size, count = struct.unpack(">III", data[:12])
    if count != 1:
        return []
    return [size] if size else [int.from_bytes(data[12:16])]


def _read_offsets(file: BinaryIO, box: _Box) -> list[int]:
    """Position of the only chunk of a track; empty for several (8.7.5)."""
    width = 8 if box.kind == b"co64" else 4
    data = _read(file, box.start, 8 + width)
    if len(data) < 8 + width or int.from_bytes(data[4:8]) != 1:
        return []
    return [int.from_bytes(data[8:])]


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
