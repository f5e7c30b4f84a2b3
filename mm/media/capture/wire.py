"""Metadata as a decoding child sends it. A compromised child can send anything: all is checked."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from mm.media.capture.values import check_altitude, check_place, clean_text, parse_iso_time
from mm.media.types import Capture

if TYPE_CHECKING:
    from mm.media.types import MediaInfo

NAMES = {field.name for field in fields(Capture)}


def describe_info(info: MediaInfo) -> dict[str, object]:
    """The description of a file as a message; a time is ISO 8601."""
    taken_at = info.capture.taken_at
    values = asdict(info)
    values["capture"]["taken_at"] = None if taken_at is None else taken_at.isoformat()
    return values


def parse_capture(values: object) -> Capture:
    """Parse the metadata of a message. Raises `ValueError` for values that no child sends."""
    if not isinstance(values, dict) or set(values) != NAMES:
        raise ValueError("metadata is malformed")
    taken_at = None if values["taken_at"] is None else parse_iso_time(values["taken_at"])
    latitude, longitude = _parse_number(values["latitude"]), _parse_number(values["longitude"])
    altitude = _parse_number(values["altitude"])
    place = None if latitude is None or longitude is None else check_place(latitude, longitude)
    orientation = values["orientation"]
    if type(orientation) is not int or orientation not in range(1, 9):
        raise ValueError("the orientation is not from 1 to 8")
    return Capture(
        taken_at=taken_at,
        make=clean_text(values["make"]),
        model=clean_text(values["model"]),
        lens=clean_text(values["lens"]),
        orientation=orientation,
        latitude=None if place is None else place[0],
        longitude=None if place is None else place[1],
        altitude=None if altitude is None else check_altitude(altitude),
    )


def _parse_number(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise ValueError("a coordinate is no number")
    return float(value)  # type: ignore[arg-type]
