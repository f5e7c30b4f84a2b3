"""PNG, WebP and WAV without metadata: files of chunks.

PNG (W3C, third edition, 11), WebP (RFC 9649, 2.7) and RIFF. Kept are the chunks that decoders need;
text, times, Exif, XMP and unknown chunks are left out, and so is all that follows the last chunk.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mm.media.stripping.orientation import find_orientation, make_exif
from mm.media.stripping.pieces import NotStripped, Piece, Stored, count_bytes, join, measure, read_exactly

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs hIST sPLT cICP mDCV cLLI acTL fcTL fdAT".split()
)
WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
WAV_CHUNKS = frozenset({b"fmt ", b"fact", b"data"})
EXIF_FLAG, XMP_FLAG = 0x08, 0x04
MAX_CHUNKS = 200_000
MAX_EXIF_BYTES = 1 << 20


class _Chunk(NamedTuple):
    kind: bytes
    whole: Stored
    body: Stored


def strip_png(file: BinaryIO) -> list[Piece]:
    """The pieces of a PNG, with its orientation as the only Exif. Raises `NotStripped`."""
    if read_exactly(file, 0, 8) != PNG_SIGNATURE:
        raise NotStripped("does not begin as a PNG")
    kept: list[Piece] = []
    exif = b""
    for chunk in _iterate_png(file):
        if chunk.kind == b"eXIf":
            exif = exif or _copy_orientation(file, chunk.body)
        elif chunk.kind in PNG_CHUNKS:
            kept.append(chunk.whole)
    if exif:
        data = b"eXIf" + exif
        kept.insert(1, len(exif).to_bytes(4) + data + zlib.crc32(data).to_bytes(4))
    return join([Stored(0, 8), *kept])


def strip_webp(file: BinaryIO) -> list[Piece]:
    """The pieces of a WebP, with its orientation as the only Exif. Raises `NotStripped`."""
    kept: list[Piece] = []
    exif, header = b"", None
    for chunk in _iterate_riff(file, b"WEBP"):
        if chunk.kind == b"VP8X" and header is None:
            header = chunk.whole
        elif chunk.kind == b"EXIF":
            exif = exif or _copy_orientation(file, chunk.body)
        elif chunk.kind in WEBP_CHUNKS:
            kept.append(chunk.whole)
    if header is not None:  # only such a file may have chunks of metadata
        head = read_exactly(file, header.offset, 9)
        flags = head[8] & ~(EXIF_FLAG | XMP_FLAG) | (EXIF_FLAG if exif else 0)
        kept = [head[:8] + bytes([flags]), Stored(header.offset + 9, header.length - 9), *kept]
        if exif:
            kept.append(b"EXIF" + len(exif).to_bytes(4, "little") + exif)
    return _build_riff(b"WEBP", kept)


def strip_wav(file: BinaryIO) -> list[Piece]:
    """The pieces of a WAV file. Raises `NotStripped`."""
    return _build_riff(b"WAVE", [chunk.whole for chunk in _iterate_riff(file, b"WAVE") if chunk.kind in WAV_CHUNKS])


def _copy_orientation(file: BinaryIO, body: Stored) -> bytes:
    data = read_exactly(file, body.offset, min(body.length, MAX_EXIF_BYTES))
    return make_exif(find_orientation(data))


def _iterate_png(file: BinaryIO) -> Iterator[_Chunk]:
    """Chunks to `IEND`, or to the end of a file that was cut off."""
    size, position = measure(file), 8
    for _ in range(MAX_CHUNKS):
        if position == size:
            return
        head = read_exactly(file, position, 8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        whole = Stored(position, length + 12)
        if position + whole.length > size:
            raise NotStripped("ends within a chunk")
        yield _Chunk(kind, whole, Stored(position + 8, length))
        if kind == b"IEND":
            return
        position += whole.length
    raise NotStripped("has too many chunks")


def _iterate_riff(file: BinaryIO, form: bytes) -> Iterator[_Chunk]:
    size = measure(file)
    head = read_exactly(file, 0, 12)
    if head[:4] != b"RIFF" or head[8:] != form:
        raise NotStripped("is not a plain RIFF file")
    end, position = min(int.from_bytes(head[4:8], "little") + 8, size), 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > end:
            return
        start = read_exactly(file, position, 8)
        length = int.from_bytes(start[4:], "little")
        padded = length + length % 2
        if position + 8 + length > end:
            raise NotStripped("ends within a chunk")
        whole = Stored(position, min(8 + padded, size - position))
        yield _Chunk(start[:4], whole, Stored(position + 8, length))
        position += 8 + padded
    raise NotStripped("has too many chunks")


def _build_riff(form: bytes, kept: list[Piece]) -> list[Piece]:
    length = 4 + sum(map(count_bytes, kept))
    return join([b"RIFF" + length.to_bytes(4, "little") + form, *kept])
