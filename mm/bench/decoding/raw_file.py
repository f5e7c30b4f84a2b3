"""Smallest raw photos: a TIFF with sensor values in one directory and a JPEG in another, a CR3."""

from __future__ import annotations

import struct
from typing import Literal, TypeAlias

from mm.media.containers.canon_raw import CANON_BOXES, PREVIEW_BOX

CR3_TAKEN = b"2024:05:01 12:30:00"
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


def write_cr3(
    preview: bytes, *, full: bytes = b"", full_size: int | None = None, orientation: int = 1, model: bytes = b"EOS R5"
) -> bytes:
    """A CR3 with the JPEG `preview`, and `full` as the only sample of its first track.

    `full_size` is the size that the track states; by default it is right. Time taken and place are
    those of `CR3_TAKEN`.
    """

    def box(kind: bytes, *content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)

    def tiff(entries: Entries) -> bytes:
        data = bytearray(b"II*\0" + bytes(4))
        struct.pack_into("<I", data, 4, _append_directory(data, entries, "<"))
        return bytes(data)

    def build(offset: int) -> bytes:
        size = len(full) if full_size is None else full_size
        exif = (
            box(b"CMT1", tiff({271: (2, b"Canon\0"), 272: (2, model + b"\0"), 274: (3, (orientation,))})),
            box(b"CMT2", tiff({0x9003: (2, CR3_TAKEN + b"\0")})),
            box(b"THMB", struct.pack(">IHHIHH", 0, 16, 12, 0, 1, 0)),
        )
        table = box(b"stbl", box(b"stsz", struct.pack(">III", 0, size, 1)), box(b"co64", struct.pack(">IIQ", 0, 1, offset)))
        track = box(b"trak", box(b"mdia", box(b"minf", table)))
        shown = box(b"PRVW", struct.pack(">IHHHHI", 0, 1, 160, 96, 1, len(preview)), preview)
        return b"".join(
            (
                box(b"ftyp", b"crx \0\0\0\1crx isom"),
                box(b"moov", box(b"uuid", CANON_BOXES, *exif), track),
                box(b"uuid", PREVIEW_BOX, struct.pack(">Q", 1), shown),
            )
        )

    head = build(0)
    return build(len(head) + 8) + box(b"mdat", full)


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
