"""Exif that states the orientation of an image, and nothing else (Exif 2.32, 4.6)."""

from __future__ import annotations

import struct

ORIENTATION, SHORT = 0x0112, 3
HEADER = b"Exif\0\0"
MAX_ENTRIES = 1000


def make_exif(orientation: int) -> bytes:
    """The TIFF structure with an orientation of 2 to 8; empty for 1, which is the default."""
    if orientation == 1:
        return b""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, SHORT, 1, orientation, 0, 0)


def find_orientation(exif: bytes) -> int:
    """Orientation in Exif, with or without its header; 1 if it is missing or invalid."""
    tiff = exif.removeprefix(HEADER)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, MAX_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == ORIENTATION:
                return value if kind == SHORT and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
