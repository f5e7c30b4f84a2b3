"""Metadata of an opened image: its Exif, completed by its XMP."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from mm.media.capture.complete import complete
from mm.media.capture.exif import read_exif
from mm.media.capture.xmp import read_xmp
from mm.media.types import Capture

if TYPE_CHECKING:
    from typing import BinaryIO

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


def read_image(image: Image.Image) -> Capture:
    """Read when, where and with what an image was taken. Exif has precedence over XMP."""
    packet = next((value for key in XMP_KEYS if isinstance(value := image.info.get(key), bytes | str)), None)
    return complete(read_exif(image), read_xmp(packet))
