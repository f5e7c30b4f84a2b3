"""Bounded values of metadata: text, times and coordinates. Invalid input gives an empty value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

MAX_CHARS = 100
"""Longest text of metadata that is kept; the rest is cut off."""
MIN_YEAR, MAX_YEAR = 1826, 2999
"""Years of a time taken. No photo is older than 1826."""
UNSET_TIMES = {datetime(1904, 1, 1), datetime(1970, 1, 1)}
"""Zero on the clocks of QuickTime and Unix: written by devices without a clock."""
MIN_OFFSET, MAX_OFFSET = timedelta(hours=-12), timedelta(hours=14)
_EXIF_TIME = re.compile(r"\s*(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)\s*")
_OFFSET = re.compile(r"\s*(?:(Z)|([+-])(\d\d):?(\d\d))\s*")
_ISO_6709 = re.compile(r"\s*([+-])(\d{2,6})(\.\d+)?([+-])(\d{3,7})(\.\d+)?(?:([+-]\d+(?:\.\d+)?))?")


def clean_text(value: object) -> str:
    """Return one line of at most `MAX_CHARS` printable characters; empty for other types."""
    if isinstance(value, bytes):
        value = value[: 4 * MAX_CHARS].decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    text = value[: 4 * MAX_CHARS].partition("\0")[0]
    printable = "".join(" " if unicodedata.category(char).startswith(("C", "Z")) else char for char in text)
    return " ".join(printable.split())[:MAX_CHARS].strip()


def parse_exif_time(value: object, offset: object = "", fraction: object = "") -> datetime | None:
    """Parse `YYYY:MM:DD hh:mm:ss` (Exif 2.32, DateTimeOriginal) with its offset `+hh:mm`.

    `fraction` are the digits of the fraction of the second. Naive without an offset.
    """
    match = _EXIF_TIME.fullmatch(clean_text(value))
    if match is None:
        return None
    digits = clean_text(fraction)
    micros = int(digits[:6].ljust(6, "0")) if digits.isascii() and digits.isdigit() else 0
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        time = datetime(year, month, day, hour, minute, second, micros)
    except ValueError:
        return None
    return _check_time(time.replace(tzinfo=_parse_offset(clean_text(offset))))


def parse_iso_time(value: object) -> datetime | None:
    """Parse ISO 8601 with date and time of day; naive without an offset."""
    text = clean_text(value)
    if len(text) < len("2026-11-30T08:39") or not text[:4].isdigit():
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = time.utcoffset()
    if offset is not None:
        is_valid = MIN_OFFSET <= offset <= MAX_OFFSET and offset % timedelta(minutes=1) == timedelta()
        time = time.replace(tzinfo=_make_timezone(offset) if is_valid else None)
    return _check_time(time)


def parse_iso_6709(value: object) -> tuple[float, float, float | None] | None:
    """Parse ISO 6709 `±DD.DDDD±DDD.DDDD±AA/`: latitude, longitude in degrees, altitude in metres.

    Degrees may be followed by minutes and seconds, two digits each.
    """
    match = _ISO_6709.match(clean_text(value))
    if match is None:
        return None
    latitude = _join_degrees(match[1], match[2], match[3], 2)
    longitude = _join_degrees(match[4], match[5], match[6], 3)
    altitude = None if match[7] is None else check_altitude(float(match[7]))
    place = check_place(latitude, longitude)
    return None if place is None else (*place, altitude)


def check_place(latitude: float, longitude: float) -> tuple[float, float] | None:
    """Round coordinates to 1 cm. None out of range, and for (0, 0), which means no position."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or (latitude == 0 and longitude == 0):
        return None
    return round(latitude, 7), round(longitude, 7)


def check_altitude(metres: float) -> float | None:
    """Round an altitude to 1 cm. None where it is not on this planet or in its air."""
    return round(metres, 2) if -12_000 <= metres <= 100_000 else None


def sum_degrees(pieces: Iterable[float]) -> float:
    """Add degrees, minutes and seconds. NaN for values out of range."""
    total, unit = 0.0, 1.0
    for piece in pieces:
        if not (math.isfinite(piece) and 0 <= piece <= 360):
            return math.nan
        total, unit = total + piece / unit, unit * 60
    return total


def _join_degrees(sign: str, whole: str, fraction: str | None, num_digits: int) -> float:
    pieces = [whole[:num_digits], *(whole[at : at + 2] for at in range(num_digits, len(whole), 2))]
    if (len(whole) - num_digits) % 2:
        return math.nan
    degrees = sum_degrees([*map(float, pieces[:-1]), float(pieces[-1] + (fraction or ""))])
    return -degrees if sign == "-" else degrees


def _parse_offset(text: str) -> timezone | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        return UTC
    offset = timedelta(hours=int(match[3]), minutes=int(match[4])) * (-1 if match[2] == "-" else 1)
    return _make_timezone(offset) if MIN_OFFSET <= offset <= MAX_OFFSET else None


def _make_timezone(offset: timedelta) -> timezone:
    return UTC if not offset else timezone(offset)


def _check_time(time: datetime) -> datetime | None:
    if not MIN_YEAR <= time.year <= MAX_YEAR or time.replace(tzinfo=None, microsecond=0) in UNSET_TIMES:
        return None
    return time
