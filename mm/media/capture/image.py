"""Metadata of an opened image: its Exif, completed by its XMP."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from mm.media.capture.complete import complete
from mm.media.capture.exif import EXIF_IFD, GPS_IFD, read_exif
from mm.media.capture.xmp import read_xmp
from mm.media.types import Capture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

CANON_PARTS = {EXIF_IFD: b"CMT2", GPS_IFD: b"CMT4"}
"""The boxes of a CR3 that have the directories of details and of the place."""
XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
"""Where Pillow keeps the packet of JPEG, WebP and TIFF, and of PNG."""


class _RawPhoto(NamedTuple):
    """The Exif of a raw photo, which is its own TIFF directory, in the form of an image's."""

    exif: Image.Exif

    def getexif(self) -> Image.Exif:
        return self.exif


def read_raw(file: BinaryIO) -> Capture:
    """Read when, where and with what a raw photo that is built as TIFF was taken."""
    exif = Image.Exif()
    file.seek(0)
    try:
        exif.load_from_fp(file)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises errors of many classes for damaged Exif
        return Capture()
    return read_exif(_RawPhoto(exif))


class _CanonExif(Image.Exif):
    """The Exif of a CR3, whose directories are TIFF files of their own."""

    def __init__(self, parts: Mapping[bytes, bytes]) -> None:
        super().__init__()
        self._parts = parts
        self.load_from_fp(io.BytesIO(parts.get(b"CMT1", b"")))

    def get_ifd(self, tag: int) -> dict[int, Any]:
        part = Image.Exif()
        part.load_from_fp(io.BytesIO(self._parts.get(CANON_PARTS.get(tag, b""), b"")))
        return dict(part)


def read_canon_raw(parts: Mapping[bytes, bytes]) -> Capture:
    """Read when, where and with what a CR3 was taken, from its directories of Exif by box."""
    try:
        exif = _CanonExif(parts)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as in `read_raw`
        return Capture()
    return read_exif(_RawPhoto(exif))


def read_image(image: Image.Image) -> Capture:
    """Read when, where and with what an image was taken. Exif has precedence over XMP."""
    packet = next((value for key in XMP_KEYS if isinstance(value := image.info.get(key), bytes | str)), None)
    return complete(read_exif(image), read_xmp(packet))
