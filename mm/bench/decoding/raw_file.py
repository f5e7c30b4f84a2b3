"""Smallest raw photos: a TIFF with sensor values in one directory and a JPEG in another."""

from __future__ import annotations

import struct
from typing import Literal, TypeAlias

SENSOR = struct.pack("<32H", *range(32))  # 8 x 4 values of a colour filter array
CFA, YCBCR = 32803, 6
SENSOR_COMPRESSION = {"dng": 1, "nef": 34713, "arw": 32767, "cr2": 6}
MAKES = {"dng": b"Maker\0", "nef": b"NIKON CORPORATION\0", "arw": b"SONY\0", "cr2": b"Canon\0"}

Entries: TypeAlias = dict[int, tuple[int, tuple[int, ...] | bytes]]
"""Entries of a directory: tag -> (TIFF type, values)."""
RawSuffix: TypeAlias = Literal["dng", "nef", "arw", "cr2"]


def write_raw(suffix: RawSuffix, preview: bytes, *, orientation: int = 1, small: bytes = b"", order: str = "<") -> bytes:
    """A raw photo in the layout of a camera, whose largest preview is the JPEG `preview`.

    `small` is a second, smaller preview. Layouts: DNG and NEF have the preview in a directory below
    the first, ARW in the first, CR2 as the strip of the first (TIFF/EP; DNG 1.7).
    """
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0)
    head += b"CR\2\0\0\0\0\0" if suffix == "cr2" else bytes(8)
    first: Entries = {
        271: (2, MAKES[suffix]),
        274: (3, (orientation,)),
    }
    sensor: Entries = {
        256: (3, (8,)),
        257: (3, (4,)),
        258: (3, (16,)),
        259: (3, (SENSOR_COMPRESSION[suffix],)),
        262: (3, (CFA,)),
    }
    shown: Entries = {259: (3, (7,)), 262: (3, (YCBCR,))}
    data = bytearray(head)
    blocks = {}
    if suffix == "dng":
        first[50706] = (1, b"\1\7\0\0")
    for name, block in (("preview", preview), ("small", small), ("sensor", SENSOR)):
        blocks[name] = len(data)
        data += block + bytes(len(block) % 2)
    if suffix == "cr2":
        first |= {259: (3, (6,)), 273: (4, (blocks["preview"],)), 279: (4, (len(preview),))}
    elif suffix == "arw":
        first |= {513: (4, (blocks["preview"],)), 514: (4, (len(preview),))}
    else:
        shown |= {273: (4, (blocks["preview"],)), 279: (4, (len(preview),))}
    sensor |= {273: (4, (blocks["sensor"],)), 279: (4, (len(SENSOR),))}
    below = [_append_directory(data, sensor, order)]
    if suffix in {"dng", "nef"}:
        below.append(_append_directory(data, shown, order))
    if small:
        below.append(_append_directory(data, {513: (4, (blocks["small"],)), 514: (4, (len(small),))}, order))
    first[330] = (4, tuple(below))
    struct.pack_into(order + "I", data, 4, _append_directory(data, first, order))
    return bytes(data)


def _append_directory(data: bytearray, entries: Entries, order: str) -> int:
    """Append a directory and its values; return its offset."""
    fields = b""
    for tag, (kind, value) in sorted(entries.items()):
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}{'H' if kind == 3 else 'I'}", *value)
        if len(packed) > 4:
            place = struct.pack(order + "I", len(data))
            data += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        fields += struct.pack(order + "HHI", tag, kind, len(value)) + place
    offset = len(data)
    data += struct.pack(order + "H", len(entries)) + fields + bytes(4)
    return offset
