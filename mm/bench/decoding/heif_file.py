"""Smallest HEIF files, written box by box: one HEVC image, or a grid of them (ISO 23008-12)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

START_CODE = b"\0\0\1"
NAL_TYPES = (32, 33, 34)  # VPS, SPS and PPS (ITU-T H.265, table 7-1)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def full_box(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def encode_hevc(image: npt.NDArray[np.uint8], pix_fmt: str = "yuv420p") -> tuple[bytes, bytes]:
    """The configuration (`hvcC`) and the coded picture of one image, shape (height, width, 3)."""
    encoder = av.CodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = image.shape[1], image.shape[0], pix_fmt
    encoder.time_base, encoder.framerate = 1, 1
    encoder.options = {"x265-params": "keyint=1:qp=8:log-level=none:info=0:pools=none"}
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt, dst_colorspace="ITU601")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    stream = b"".join(bytes(packet) for packet in packets)
    units = [unit.rstrip(b"\0") for unit in stream.split(START_CODE) if unit.strip(b"\0")]
    headers = {kind: [unit for unit in units if unit[0] >> 1 & 63 == kind] for kind in NAL_TYPES}
    depth = 2 if "10" in pix_fmt else 0
    profile = bytes(headers[33][0][3:15])
    fixed = b"\1" + profile + b"\xf0\0\xfc" + b"\xfd" + bytes([0xF8 | depth, 0xF8 | depth]) + b"\0\0\x0f"
    arrays = b"".join(bytes([0x80 | kind]) + struct.pack(">HH", 1, len(found[0])) + found[0] for kind, found in headers.items())
    picture = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] >> 1 & 63 < 32)
    return fixed + bytes([len(headers)]) + arrays, picture


def write_heif(
    image: npt.NDArray[np.uint8],
    *,
    grid: tuple[int, int] = (1, 1),
    properties: Sequence[bytes] = (),
    pix_fmt: str = "yuv420p",
    brand: bytes = b"heic",
    size: tuple[int, int] | None = None,
) -> bytes:
    """A HEIF file of `image`, cut into `grid` (rows, columns) tiles.

    `properties` are boxes of the shown image, such as `irot`. `size` (width, height) replaces the
    size that the file states.
    """
    rows, columns = grid
    height, width = image.shape[:2]
    tile_height, tile_width = height // rows, width // columns
    encoded: dict[bytes, tuple[bytes, bytes]] = {}  # equal tiles are encoded once

    def encode(tile: npt.NDArray[np.uint8]) -> tuple[bytes, bytes]:
        key = tile.tobytes()
        if key not in encoded:
            encoded[key] = encode_hevc(tile, pix_fmt)
        return encoded[key]

    tiles = [
        encode(np.ascontiguousarray(image[row * tile_height :, column * tile_width :][:tile_height, :tile_width]))
        for row in range(rows)
        for column in range(columns)
    ]
    stated = size or (width, height)
    is_grid = len(tiles) > 1
    data = [picture for _, picture in tiles]
    kinds = [b"hvc1"] * len(tiles)
    if is_grid:
        data.append(struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *stated))
        kinds.append(b"grid")
    primary = len(kinds)
    shared = [
        box(b"hvcC", tiles[0][0]),
        full_box(b"ispe", struct.pack(">II", *((tile_width, tile_height) if is_grid else stated))),
    ]
    all_properties = [*shared, *([full_box(b"ispe", struct.pack(">II", *stated))] if is_grid else []), *properties]
    own = list(range(3, len(all_properties) + 1))
    associations = [[0x81, 2] for _ in tiles]
    if is_grid:
        associations.append([own[0], *(0x80 | index for index in own[1:])])
    else:
        associations[0] += [0x80 | index for index in own]
    infos = b"".join(full_box(b"infe", struct.pack(">HH4sx", item, 0, kind), 2) for item, kind in enumerate(kinds, 1))
    parts = [
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full_box(b"pitm", struct.pack(">H", primary)),
        full_box(b"iinf", struct.pack(">H", len(kinds)) + infos),
    ]
    if is_grid:
        parts.append(full_box(b"iref", box(b"dimg", struct.pack(f">HH{len(tiles)}H", primary, len(tiles), *range(1, primary)))))
    used = b"".join(struct.pack(">HB", item, len(uses)) + bytes(uses) for item, uses in enumerate(associations, 1))
    parts.append(box(b"iprp", box(b"ipco", b"".join(all_properties)) + full_box(b"ipma", struct.pack(">I", len(kinds)) + used)))
    start = box(b"ftyp", brand + bytes(4) + b"mif1" + b"heic")
    locations_size = 12 + 4 + len(data) * 14
    offset = len(start) + 12 + sum(map(len, parts)) + locations_size + 8
    locations = b""
    for item, piece in enumerate(data, 1):
        locations += struct.pack(">HHHII", item, 0, 1, offset, len(piece))
        offset += len(piece)
    parts.append(full_box(b"iloc", b"\x44\0" + struct.pack(">H", len(data)) + locations))
    return start + full_box(b"meta", b"".join(parts)) + box(b"mdat", b"".join(data))
