"""Hostile images: huge by their header, of very many frames, or with offsets that lead nowhere."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mm.bench.decoding.heif_file import write_heif
from mm.bench.decoding.raw_file import write_cr3, write_raw

if TYPE_CHECKING:
    from collections.abc import Mapping

HUGE = 60_000  # pixels of a side
NUM_FRAMES = 200_000


def make_image_bombs(seed_files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Make the hostile images from valid files, by suffix."""
    jpeg = seed_files["jpg"]
    small = np.zeros((64, 64, 3), np.uint8)
    dng = write_raw("dng", jpeg)
    own_directory = struct.unpack("<I", dng[4:8])[0]
    directories = dng.replace(_entry(330, 2), _entry(330, 1))
    place = directories.index(_entry(330, 1)) + 8
    return {
        "huge.bmp": _replace(seed_files["bmp"], 18, struct.pack("<ii", HUGE, HUGE)),
        "huge.jp2": _replace_after(seed_files["jp2"], b"\xff\x51", 4, struct.pack(">II", HUGE, HUGE)),
        "huge-box.jp2": _replace_after(seed_files["jp2"], b"ihdr", 0, struct.pack(">II", HUGE, HUGE)),
        "huge.avif": _replace_after(seed_files["avif"], b"ispe", 4, struct.pack(">II", HUGE, HUGE)),
        "huge.heic": write_heif(small, size=(HUGE, HUGE)),
        "huge-grid.heic": write_heif(np.zeros((128, 128, 3), np.uint8), grid=(2, 2), size=(HUGE, HUGE)),
        "understated.heic": write_heif(np.zeros((2048, 2048, 3), np.uint8), size=(64, 64)),
        "many-frames.webp": _many_webp_frames(),
        "many-frames.png": _many_png_frames(),
        "own-directory.dng": _replace(directories, place, struct.pack("<I", own_directory)),
        "preview-outside.dng": write_raw("dng", b"")[:-4] + bytes(4),
        "no-preview.nef": write_raw("nef", b"no image"),
        "preview-of-damage.arw": write_raw("arw", jpeg[: len(jpeg) // 2]),
        "preview-outside.cr3": write_cr3(jpeg, full_size=1 << 31),
        "no-preview.cr3": write_cr3(b""),
        "many-boxes.cr3": write_cr3(b"") + struct.pack(">I4s", 8, b"moov") * 200_000,
        "document.pdf": b"%PDF-1.7\n" + bytes(100),
    }


def _entry(tag: int, count: int) -> bytes:
    return struct.pack("<HHI", tag, 4, count)


def _replace(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def _replace_after(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    return _replace(data, data.index(mark) + len(mark) + offset, new)


def _many_webp_frames() -> bytes:
    """Frames of one pixel on a canvas of 4,096 x 4,096."""
    out = io.BytesIO()
    Image.new("RGB", (1, 1)).save(out, "WEBP", lossless=True)
    frame = bytes(15) + b"\2" + out.getvalue()[12:]
    chunk = b"ANMF" + struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
    canvas = b"VP8X" + struct.pack("<IB3x", 10, 2) + struct.pack("<I", 4095)[:3] * 2
    body = b"WEBP" + canvas + b"ANIM" + struct.pack("<IIH", 6, 0, 0) + chunk * (NUM_FRAMES // 10)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _many_png_frames() -> bytes:
    """Frames of one pixel on a canvas of 1,024 x 1,024 (APNG)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    side, pixel = 1024, zlib.compress(bytes(4))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"acTL", struct.pack(">II", NUM_FRAMES, 0))
    first = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 100, 0, 0))
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 1, 1, 0, 0, 1, 100, 0, 0))
        + chunk(b"fdAT", struct.pack(">I", number + 1) + pixel)
        for number in range(1, 2 * NUM_FRAMES // 10, 2)
    )
    image = chunk(b"IDAT", zlib.compress(bytes(side * (3 * side + 1)), 9))
    return b"\x89PNG\r\n\x1a\n" + head + first + image + frames + chunk(b"IEND", b"")
