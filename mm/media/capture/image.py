"""Metadata of an opened image: its Exif, completed by its XMP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mm.media.capture.exif import read_exif
from mm.media.capture.xmp import read_xmp

if TYPE_CHECKING:
    from PIL import Image

    from mm.media.types import Capture

XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
"""Where Pillow keeps the packet of JPEG, WebP and TIFF, and of PNG."""


def read_image(image: Image.Image) -> Capture:
    """Read when, where and with what an image was taken. Exif has precedence over XMP."""
    exif = read_exif(image)
    packet = next((value for key in XMP_KEYS if isinstance(value := image.info.get(key), bytes | str)), None)
    xmp = read_xmp(packet)
    has_place = exif.latitude is not None
    return replace(
        exif,
        taken_at=exif.taken_at or xmp.taken_at,
        make=exif.make or xmp.make,
        model=exif.model or xmp.model,
        lens=exif.lens or xmp.lens,
        latitude=exif.latitude if has_place else xmp.latitude,
        longitude=exif.longitude if has_place else xmp.longitude,
        altitude=exif.altitude if has_place else xmp.altitude,
    )
