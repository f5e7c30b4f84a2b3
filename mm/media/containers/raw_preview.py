"""Raw photos of cameras: the JPEG preview inside a file that is built as TIFF, or a CR3.

DNG, NEF, ARW, CR2 and their relatives store the values of the sensor in one TIFF directory and a
finished JPEG in another (TIFF 6.0; DNG 1.7; TIFF/EP, ISO 12234-2). The sensor's values are never
read: developing them needs the curves of each camera. The walk is bounded: `MAX_DIRECTORIES`
directories of `MAX_ENTRIES` entries each, none read twice.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mm.media.containers.canon_raw import read_canon_boxes
from mm.media.containers.file_types import ARW, CR2, DNG, NEF, RAW, FileType

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_DIRECTORIES, MAX_ENTRIES, MAX_VALUES = 32, 512, 16
MIN_PREVIEW_BYTES = 4  # the start and the end marker of a JPEG
CR2_MARK = b"CR"  # at byte 8 of a CR2
(WIDTH, COMPRESSION, PHOTOMETRIC, MAKE, STRIP_OFFSETS, ORIENTATION, STRIP_BYTES) = (256, 259, 262, 271, 273, 274, 279)
(SUB_DIRECTORIES, JPEG_OFFSET, JPEG_BYTES, DNG_VERSION) = (330, 513, 514, 50706)
SENSOR_PHOTOMETRIC = {32803, 34892}  # a colour filter array, linear raw
SENSOR_COMPRESSION = {32767, 32769, 34713, 65535}  # Sony, packed, Nikon, Pentax
JPEG_COMPRESSION = {6, 7}
LOSSLESS_FRAMES = {0xC3, 0xC7, 0xCB, 0xCF}  # ITU-T T.81, table B.1: how sensors' values are stored
VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 13: 4}
VALUE_CODES = {1: "B", 3: "H", 4: "I", 13: "I"}


@dataclass(frozen=True, slots=True)
class RawPreview:
    """Position of the largest JPEG preview, and the Exif orientation (1 to 8) of the photo."""

    offset: int
    size: int
    orientation: int


@dataclass(slots=True)
class _Directories:
    """What the walk collects: previews as (offset, size), and the marks of a raw file."""

    previews: list[tuple[int, int]] = field(default_factory=list)
    orientation: int = 1
    make: bytes = b""
    is_dng: bool = False
    has_sensor_values: bool = False


def find_raw_type(file: BinaryIO) -> FileType | None:
    """Type of a raw photo; None for another TIFF."""
    head = _read(file, 0, 10)
    found = _walk(file)
    if found is None:
        return None
    if head[8:10] == CR2_MARK:
        return CR2
    if found.is_dng:
        return DNG
    if not found.has_sensor_values:
        return None
    return NEF if found.make.startswith(b"NIKON") else ARW if found.make.startswith(b"SONY") else RAW


def find_raw_preview(file: BinaryIO) -> RawPreview | None:
    """The largest JPEG preview of a raw photo; None where it has none."""
    found = _walk_canon(file) if _read(file, 4, 4) == b"ftyp" else _walk(file)
    previews = sorted(found.previews, key=lambda preview: preview[1], reverse=True) if found else []
    return next(
        (RawPreview(*preview, found.orientation) for preview in previews if found and _is_shown_jpeg(file, *preview)), None
    )


def _walk_canon(file: BinaryIO) -> _Directories:
    """The previews of a CR3, and the orientation of its first directory of Exif."""
    boxes = read_canon_boxes(file)
    main = _walk(io.BytesIO(boxes.exif.get(b"CMT1", b"")))
    return _Directories(boxes.previews, 1 if main is None else main.orientation)


def _walk(file: BinaryIO) -> _Directories | None:
    """Read the directories of a TIFF, those of the list and those below; None if it is no TIFF."""
    head = _read(file, 0, 8)
    if head[:4] not in {b"II*\0", b"MM\0*"}:
        return None
    order: Literal["<", ">"] = "<" if head[:2] == b"II" else ">"
    found, seen = _Directories(), set[int]()
    waiting = [struct.unpack(order + "I", head[4:8])[0]] if len(head) == 8 else []
    while waiting and len(seen) < MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset in seen or offset == 0:
            continue
        entries, following = _read_directory(file, offset, order)
        _collect(found, entries, is_first=not seen)
        seen.add(offset)
        waiting += [following, *_numbers(entries.get(SUB_DIRECTORIES, ()))]
    return found


def _read_directory(file: BinaryIO, offset: int, order: str) -> tuple[dict[int, tuple[int, ...] | bytes], int]:
    """Entries of the directory at `offset` by tag, and the offset of the next directory."""
    counted = _read(file, offset, 2)
    if len(counted) < 2:
        return {}, 0
    count = min(struct.unpack(order + "H", counted)[0], MAX_ENTRIES)
    data = _read(file, offset + 2, 12 * count + 4)
    entries: dict[int, tuple[int, ...] | bytes] = {}
    for at in range(0, min(12 * count, len(data) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, at)
        value = _read_value(file, data[at + 8 : at + 12], kind, min(number, MAX_VALUES), order)
        if value is not None:
            entries[tag] = value
    following = data[12 * count : 12 * count + 4]
    return entries, struct.unpack(order + "I", following)[0] if len(following) == 4 else 0


def _read_value(file: BinaryIO, field_bytes: bytes, kind: int, number: int, order: str) -> tuple[int, ...] | bytes | None:
    """Value of an entry: integers or bytes; None for other types. At most 4 bytes are in the entry
    itself."""
    size = VALUE_BYTES.get(kind, 0) * number
    if size == 0:
        return None
    data = field_bytes[:size] if size <= 4 else _read(file, struct.unpack(order + "I", field_bytes)[0], size)
    if len(data) < size:
        return None
    return data if kind == 2 else struct.unpack(f"{order}{number}{VALUE_CODES[kind]}", data)


def _collect(found: _Directories, entries: dict[int, tuple[int, ...] | bytes], *, is_first: bool) -> None:
    compression, photometric = _number(entries, COMPRESSION), _number(entries, PHOTOMETRIC)
    if is_first:
        make, orientation = entries.get(MAKE), _number(entries, ORIENTATION)
        found.make = make.upper() if isinstance(make, bytes) else b""
        found.orientation = orientation if 1 <= orientation <= 8 else 1
        found.is_dng = DNG_VERSION in entries
    if photometric in SENSOR_PHOTOMETRIC or compression in SENSOR_COMPRESSION:
        found.has_sensor_values = True
        return
    found.previews.append((_number(entries, JPEG_OFFSET), _number(entries, JPEG_BYTES)))
    strips, sizes = _numbers(entries.get(STRIP_OFFSETS, ())), _numbers(entries.get(STRIP_BYTES, ()))
    if compression in JPEG_COMPRESSION and len(strips) == len(sizes) == 1:
        found.previews.append((strips[0], sizes[0]))


def _is_shown_jpeg(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether the bytes are a JPEG that is shown: a lossless one holds the sensor's values."""
    end = file.seek(0, os.SEEK_END)
    if size < MIN_PREVIEW_BYTES or offset + size > end or _read(file, offset, 3) != b"\xff\xd8\xff":
        return False
    position = offset + 2
    while position + 4 <= offset + size:  # from marker to marker, until the frame header
        marker, kind, length = struct.unpack(">BBH", _read(file, position, 4))
        if marker != 0xFF:
            return False
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            return kind not in LOSSLESS_FRAMES
        position += 2 + max(length, 2)
    return False


def _number(entries: dict[int, tuple[int, ...] | bytes], tag: int) -> int:
    return next(iter(_numbers(entries.get(tag, ()))), 0)


def _numbers(value: tuple[int, ...] | bytes) -> tuple[int, ...]:
    return () if isinstance(value, bytes) else value


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
