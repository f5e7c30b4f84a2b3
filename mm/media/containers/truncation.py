"""Truncation: the sizes that a container records, compared with the bytes that are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from mm.media.containers.sniff import FileType

TAIL_BYTES = 64


def describe_missing_data(file: BinaryIO, kind: FileType) -> str:
    """Describe what the file lacks by its own header; empty if nothing, or if it has no sizes."""
    size = file.seek(0, os.SEEK_END)
    if kind.format == "mov":
        missing, has_index = _count_missing_box_bytes(file, size)
        if not missing and not has_index:
            return "its index is missing, which is often written last"
    elif kind.container in {"wav", "avi", "webp"}:
        missing = _count_missing_riff_bytes(file, size)
    elif kind.format == "matroska":
        missing = _count_missing_segment_bytes(file, size)
    else:
        return ""
    return f"{missing:,} bytes are missing at its end" if missing else ""


def lacks_end_marker(file: BinaryIO, kind: FileType) -> bool:
    """Whether the marker that ends such a file is missing.

    Only for files that did not decode: many files that decode have no marker.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - TAIL_BYTES, 0))
    tail = file.read(TAIL_BYTES)
    match kind.container:
        case "jpeg":
            return b"\xff\xd9" not in tail
        case "png":
            return b"IEND" not in tail
        case "gif":
            return not tail.rstrip(b"\0").endswith(b";")
        case "tiff":
            return True  # an unreadable TIFF nearly always has an offset past the end
        case _:
            return bool(describe_missing_data(file, kind))


def _count_missing_box_bytes(file: BinaryIO, size: int) -> tuple[int, bool]:
    """Missing bytes, and whether there is an index, the box `moov`.

    ISO 14496-12, 4.2: a box begins with its size and type.
    """
    position, has_index = 0, False
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16])
        elif length == 0:  # to the end of the file
            length = size - position
        if length < 8:
            break
        has_index = has_index or kind == b"moov"
        position += length
    return max(position - size, 0), has_index


def _count_missing_riff_bytes(file: BinaryIO, size: int) -> int:
    file.seek(0)
    head = file.read(8)
    length = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or length in {0, 0xFFFFFFFF}:  # RF64, or written to a pipe
        return 0
    return max(length + 8 - size, 0)


def _count_missing_segment_bytes(file: BinaryIO, size: int) -> int:
    """RFC 8794 and RFC 9559: an EBML header, then one segment, whose size may be unknown."""
    file.seek(4)
    length, position = _read_vint(file, 4)
    if length is None:
        return 0
    file.seek(position + length)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length, position = _read_vint(file, position + length + 4)
    return 0 if length is None else max(position + length - size, 0)


def _read_vint(file: BinaryIO, position: int) -> tuple[int | None, int]:
    """Read an integer of variable length; return it, None if unknown, and the position after it."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None, position
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(first + rest) & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), position + width
