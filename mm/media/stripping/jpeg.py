"""JPEG without metadata (ITU-T T.81, annex B).

Kept are the segments that decoders need, JFIF, ICC profiles and the colour transform of Adobe.
Exif, XMP, IPTC, comments and unknown segments are left out, and so is all that follows the end of
the image: further images, gain maps and the video of a motion photo, which have metadata, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from mm.media.stripping.orientation import HEADER, find_orientation, make_exif
from mm.media.stripping.pieces import NotStripped, Piece, Stored, join, measure, read_exactly

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
APP1 = 0xE1
KEPT_APPS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
FRAME_SEGMENTS = frozenset({*range(0xC0, 0xD0), SOS, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF})
"""Frames, tables and scans."""
MAX_SEGMENTS = 10_000
BLOCK_BYTES = 1 << 20
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker in the data of a scan: neither a stuffed byte, a restart nor a fill byte."""


def strip_jpeg(file: BinaryIO) -> list[Piece]:
    """The pieces of the image, with its orientation as the only Exif. Raises `NotStripped`."""
    size = measure(file)
    if read_exactly(file, 0, 2) != bytes([0xFF, SOI]):
        raise NotStripped("does not begin as a JPEG")
    kept, orientation = [], 1
    for marker, segment in _iterate_segments(file, size):
        head = read_exactly(file, segment.offset, min(segment.length, 16))[4:]
        if marker == APP1 and head.startswith(HEADER) and orientation == 1:
            orientation = find_orientation(read_exactly(file, segment.offset + 4, segment.length - 4))
        is_app = marker in KEPT_APPS and head.startswith(KEPT_APPS[marker])
        if is_app or marker in FRAME_SEGMENTS or marker == EOI:
            kept.append(segment)
    exif = make_exif(orientation)
    app = bytes([0xFF, APP1]) + (len(exif) + len(HEADER) + 2).to_bytes(2) + HEADER + exif if exif else b""
    return join([Stored(0, 2), app, *kept])


def _iterate_segments(file: BinaryIO, size: int) -> Iterator[tuple[int, Stored]]:
    """Marker and range of each segment; that of a scan ends with its data."""
    position = 2
    has_scan = False
    for _ in range(MAX_SEGMENTS):
        if has_scan and position >= size:  # without an end: damaged, and its pixels are kept
            return
        prefix, marker = read_exactly(file, position, 2)
        if prefix != 0xFF:
            raise NotStripped("has bytes outside of its segments")
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == EOI:
            yield marker, Stored(position, 2)
            return
        length = int.from_bytes(read_exactly(file, position + 2, 2)) + 2
        if length < 4 or position + length > size:
            raise NotStripped("has a segment of an invalid length")
        end = position + length
        if marker == SOS:
            has_scan = True
            end = _find_marker(file, end, size)
        yield marker, Stored(position, end - position)
        position = end
    raise NotStripped("has too many segments")


def _find_marker(file: BinaryIO, position: int, size: int) -> int:
    """Position of the first marker that ends the data of a scan; `size` if there is none."""
    while position < size:
        file.seek(position)
        block = file.read(BLOCK_BYTES)
        match = _MARKER.search(block)
        if match is not None:
            return position + match.start()
        if len(block) < 2:
            break
        position += len(block) - 1  # a marker may begin with the last byte
    return size
