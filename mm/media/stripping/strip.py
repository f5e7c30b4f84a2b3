"""Opens a stored file without its metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from mm.media.containers.file_types import AVIF, BMP, HEIF, JPEG, MOV, MP4, PNG, WAV, WEBP, FileType
from mm.media.containers.sniff import HEAD_BYTES, sniff_type
from mm.media.stripping.boxes import Edits
from mm.media.stripping.chunks import strip_png, strip_wav, strip_webp
from mm.media.stripping.heif import strip_heif
from mm.media.stripping.jpeg import strip_jpeg
from mm.media.stripping.movie import strip_movie
from mm.media.stripping.pieces import NotStripped, Piece, PiecewiseFile, Stored, apply_edits, measure

REWRITTEN: dict[FileType, Callable[[BinaryIO], list[Piece]]] = {
    JPEG: strip_jpeg,
    PNG: strip_png,
    WEBP: strip_webp,
    WAV: strip_wav,
}
OVERWRITTEN: dict[FileType, Callable[[BinaryIO], Edits]] = {
    MP4: strip_movie,
    MOV: strip_movie,
    AVIF: strip_heif,
    HEIF: strip_heif,
}
STRIPPED = "JPEG, PNG, WebP, AVIF, HEIC, BMP, MP4, MOV, M4A and WAV"
"""The formats from which metadata can be removed."""


def open_stripped(file: BinaryIO) -> PiecewiseFile:
    """A view of `file` without metadata, with the same pixels and sounds; it owns `file`.

    The same file gives the same bytes. Raises `NotStripped`, and does not close the file then.
    """
    file.seek(0)
    kind = sniff_type(file.read(HEAD_BYTES))
    if kind is BMP:
        return PiecewiseFile(file, [Stored(0, measure(file))])  # has no place for metadata
    if kind in REWRITTEN:
        return PiecewiseFile(file, REWRITTEN[kind](file))
    if kind in OVERWRITTEN:
        return PiecewiseFile(file, apply_edits(measure(file), OVERWRITTEN[kind](file)))
    name = "of an unknown format" if kind is None else f"a {kind.container} file"
    raise NotStripped(f"is {name}; metadata is removed from {STRIPPED}")
