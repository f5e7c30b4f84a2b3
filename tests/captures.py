"""Generated files that state when, where and with what they were taken."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
SIZE = (64, 48)


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """Coloured blocks, different for each seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


def make_exif(
    *,
    taken: str | None = None,
    offset: str | None = None,
    fraction: str | None = None,
    make: str | None = None,
    model: str | None = None,
    lens: str | None = None,
    orientation: int | None = None,
    place: Sequence[float] | None = None,
) -> Image.Exif:
    """Exif with these tags; `place` is degrees north, degrees east and optionally metres."""
    exif = Image.Exif()
    details, position = exif.get_ifd(EXIF_IFD), exif.get_ifd(GPS_IFD)
    for directory, tag, value in (
        (exif, 0x010F, make),
        (exif, 0x0110, model),
        (exif, 0x0112, orientation),
        (details, 0x9003, taken),
        (details, 0x9011, offset),
        (details, 0x9291, fraction),
        (details, 0xA434, lens),
    ):
        if value is not None:
            directory[tag] = value
    if place is not None:
        latitude, longitude, *rest = place
        position[1], position[2] = "S" if latitude < 0 else "N", _sexagesimal(latitude)
        position[3], position[4] = "W" if longitude < 0 else "E", _sexagesimal(longitude)
        if rest:
            position[5], position[6] = bytes([rest[0] < 0]), abs(rest[0])
    return exif


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(abs(degrees) * 3600, 60)
    return minutes // 60, minutes % 60, seconds


def photo(seed: int = 0, kind: str = "JPEG", exif: Image.Exif | bytes | None = None, xmp: str | None = None) -> bytes:
    """An image file with this Exif and XMP."""
    buffer, options = io.BytesIO(), {}
    if exif is not None:
        options["exif"] = exif
    if xmp is not None and kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp)
        options["pnginfo"] = text
    elif xmp is not None:
        options["xmp"] = xmp.encode()
    picture(seed).save(buffer, kind, **options)
    return buffer.getvalue()


def make_xmp(attributes: Mapping[str, str], elements: str = "") -> str:
    """A packet of XMP with properties as attributes, by `prefix:name`, and as elements."""
    names = {
        "exif": "http://ns.adobe.com/exif/1.0/",
        "exifEX": "http://cipa.jp/exif/1.0/",
        "tiff": "http://ns.adobe.com/tiff/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
    }
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    values = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {spaces} {values}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    )


def movie(tags: Mapping[str, str], container: str = "mov", seed: int = 0) -> bytes:
    """A video of five frames with these tags of the container, Apple's keys included."""
    buffer = io.BytesIO()
    options = {"movflags": "use_metadata_tags"} if container in {"mov", "mp4"} else {}
    with av.open(buffer, "w", format=container, options=options) as output:
        output.metadata.update(tags)
        stream = output.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(5):
            output.mux(stream.encode(av.VideoFrame.from_image(picture(seed))))
        output.mux(stream.encode())
    return buffer.getvalue()
