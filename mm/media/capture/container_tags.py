"""Tags of a video or audio container, as libavformat names them.

`com.apple.quicktime.creationdate` has the offset of the place (Apple, QuickTime File Format,
metadata keys). `creation_time` is a clock in UTC: the header of the movie (ISO 14496-12, 8.2.2) or
Matroska's DateUTC. Some cameras write local time there, and the file does not show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from mm.media.capture.values import clean_text, parse_iso_6709, parse_iso_time
from mm.media.types import Capture

MAX_TAGS = 1000
TIME_TAGS = ("com.apple.quicktime.creationdate", "creation_time")
PLACE_TAGS = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
MAKE_TAGS = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
MODEL_TAGS = ("com.apple.quicktime.model", "com.android.model", "model")
LENS_TAGS = ("com.apple.quicktime.camera.lens_model",)
ORIENTATIONS = {0: 1, 90: 6, 180: 3, 270: 8}
"""Clockwise rotation in degrees -> the Exif orientation that means the same."""
T = TypeVar("T")


def read_tags(tags: Mapping[str, str], rotation: int) -> Capture:
    """Read the tags of a container whose pictures are rotated by `rotation` degrees clockwise."""
    values = {name.lower(): value for _, (name, value) in zip(range(MAX_TAGS), tags.items(), strict=False)}

    def read(parse: Callable[[object], T | None], names: tuple[str, ...]) -> T | None:
        parsed = (parse(values[name]) for name in names if name in values)
        return next((value for value in parsed if value is not None), None)

    latitude, longitude, altitude = read(parse_iso_6709, PLACE_TAGS) or (None, None, None)
    return Capture(
        taken_at=read(parse_iso_time, TIME_TAGS),
        make=read(clean_text, MAKE_TAGS) or "",
        model=read(clean_text, MODEL_TAGS) or "",
        lens=read(clean_text, LENS_TAGS) or "",
        orientation=ORIENTATIONS.get(rotation, 1),
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
    )
