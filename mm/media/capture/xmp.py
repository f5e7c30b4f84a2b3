"""XMP of an image: time taken, camera, lens, place (ISO 16684-1; Exif for XMP, CIPA DC-010)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar
from xml.etree import ElementTree

from mm.media.capture.values import check_altitude, check_place, clean_text, parse_iso_time, sum_degrees
from mm.media.types import Capture

MAX_BYTES = 256 << 10
"""Longest packet that is parsed; longer ones hold embedded images."""
MAX_PROPERTIES = 10_000
EXIF = "{http://ns.adobe.com/exif/1.0/}"
EXIF_EX = "{http://cipa.jp/exif/1.0/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])")
_RATIO = re.compile(r"(-?\d{1,9})(?:/(\d{1,9}))?")
Value = TypeVar("Value", datetime, float, str)


def read_xmp(packet: bytes | str | None) -> Capture:
    """Read an XMP packet; a damaged one, or one with a document type, gives nothing."""
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    if not data or len(data) > MAX_BYTES or b"<!" in data:  # a declaration of entities begins with it
        return Capture()
    start, end = data.find(b"<"), data.rfind(b">")
    try:
        root = ElementTree.fromstring(data[start : end + 1])
    except (ElementTree.ParseError, ValueError, LookupError):
        return Capture()
    properties = dict(_iterate_properties(root))

    def read(parse: Callable[[str], Value | None], *names: str) -> Value | None:
        values = (parse(properties[name]) for name in names if name in properties)
        return next((value for value in values if value not in (None, "")), None)

    place = check_place(
        read(_parse_degrees, f"{EXIF}GPSLatitude") or 0.0,
        read(_parse_degrees, f"{EXIF}GPSLongitude") or 0.0,
    )
    altitude = read(_parse_ratio, f"{EXIF}GPSAltitude")
    is_below = properties.get(f"{EXIF}GPSAltitudeRef", "").strip() == "1"
    return Capture(
        taken_at=read(parse_iso_time, f"{EXIF}DateTimeOriginal", f"{PHOTOSHOP}DateCreated", f"{XMP}CreateDate"),
        make=read(clean_text, f"{TIFF}Make") or "",
        model=read(clean_text, f"{TIFF}Model") or "",
        lens=read(clean_text, f"{EXIF_EX}LensModel", f"{AUX}Lens") or "",
        latitude=None if place is None else place[0],
        longitude=None if place is None else place[1],
        altitude=None if place is None or altitude is None else check_altitude(-altitude if is_below else altitude),
    )


def _iterate_properties(root: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """The simple properties, which are attributes or elements. The first value of a name counts."""
    names: set[str] = set()
    for number, element in enumerate(root.iter()):
        if number >= MAX_PROPERTIES:
            return
        for name, value in (*element.attrib.items(), (element.tag, element.text or "")):
            if name not in names and value.strip():
                names.add(name)
                yield name, value.strip()


def _parse_degrees(text: str) -> float | None:
    """Parse `DDD,MM.mmk` or `DDD,MM,SSk`, k one of N, S, E, W."""
    match = _DEGREES.fullmatch(text)
    if match is None:
        return None
    degrees = sum_degrees(float(piece) for piece in match.groups()[:3] if piece is not None)
    return -degrees if match[4] in "SW" else degrees


def _parse_ratio(text: str) -> float | None:
    match = _RATIO.fullmatch(text)
    if match is None:
        return None
    divisor = int(match[2] or 1)
    return int(match[1]) / divisor if divisor else math.nan
