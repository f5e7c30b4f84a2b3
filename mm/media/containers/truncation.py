"""Truncation: the sizes that a container records, compared with the bytes that are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from mm.media.containers.file_types import FileType

TAIL_BYTES = 64
BOX_IMAGES = {"avif": b"meta", "heif": b"meta"}
"""Image containers of the ISO base media format, and the box that lists their images."""


def describe_missing_data(file: BinaryIO, kind: FileType) -> str:
    """Describe what the file lacks by its own header; empty if nothing, or if it has no sizes."""
    size = file.seek(0, os.SEEK_END)
    if kind.format == "mov" or kind.container in BOX_IMAGES:
        missing, has_index = _count_missing_box_bytes(file, size, BOX_IMAGES.get(kind.container, b"moov"))
        if not missing and not has_index:
            return "its index is missing, which is often written last"
    elif kind.container == "jpeg2000":
        return _describe_missing_codestream(file, size)
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


def _describe_missing_codestream(file: BinaryIO, size: int) -> str:
    """A JPEG 2000 that was cut decodes to a part of the image without an error.

    Its boxes have sizes; a bare codestream, and one in a last box of unknown size, ends with a
    marker (ISO 15444-1, A.4.4).
    """
    file.seek(0)
    if file.read(2) != b"\xff\x4f":
        missing, has_codestream = _count_missing_box_bytes(file, size, b"jp2c")
        if missing or not has_codestream:
            return f"{missing:,} bytes are missing at its end" if missing else "it has no codestream"
    file.seek(max(size - TAIL_BYTES, 0))
    return "" if b"\xff\xd9" in file.read(TAIL_BYTES) or _has_known_size(file, size) else "it ends before the end marker"


def _has_known_size(file: BinaryIO, size: int) -> bool:
    """Whether the codestream of a JPEG 2000 is in a box that states its size."""
    file.seek(0)
    if file.read(2) == b"\xff\x4f":
        return False
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(8)
        length = int.from_bytes(head[:4])
        if head[4:] == b"jp2c":
            return length != 0
        if length < 8:
            break
        position += length
    return False


def _count_missing_box_bytes(file: BinaryIO, size: int, index: bytes) -> tuple[int, bool]:
    """Missing bytes, and whether there is a box of the type `index`.

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
        has_index = has_index or kind == index
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
