"""Exif of an image: time taken, camera, lens, place (Exif 2.32, CIPA DC-008, 4.6.5 and 4.6.6).

The time is `DateTimeOriginal`, else `DateTimeDigitized`. `DateTime` is when the file was changed,
and is not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mm.media.capture.values import check_altitude, check_place, clean_text, parse_exif_time, sum_degrees
from mm.media.types import Capture

if TYPE_CHECKING:
    from PIL import Image

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
LENS_MODEL = 0xA434
TIMES = ((0x9003, 0x9011, 0x9291), (0x9004, 0x9012, 0x9292))
"""Tags of time, offset and fraction of a second: when it was taken, when it was digitized."""
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE = range(1, 7)
BELOW_SEA = 1


class HasExif(Protocol):
    """An opened image, or what has the Exif of one."""

    def getexif(self) -> Image.Exif: ...


def read_exif(image: HasExif) -> Capture:
    """Read the Exif of an opened image; damaged Exif gives what can be read of it."""
    main = _read_directory(image, None)
    details, position = _read_directory(image, EXIF_IFD), _read_directory(image, GPS_IFD)
    latitude, longitude = _read_place(position) or (None, None)
    orientation = main.get(ORIENTATION, 1)
    times = (parse_exif_time(details.get(time), details.get(offset), details.get(part)) for time, offset, part in TIMES)
    return Capture(
        taken_at=next((time for time in times if time is not None), None),
        make=clean_text(main.get(MAKE)),
        model=clean_text(main.get(MODEL)),
        lens=clean_text(details.get(LENS_MODEL)),
        orientation=orientation if orientation in range(1, 9) else 1,
        latitude=latitude,
        longitude=longitude,
        altitude=None if latitude is None else _read_altitude(position),
    )


def _read_directory(image: HasExif, number: int | None) -> Mapping[int, Any]:
    """The tags of a directory, by their number; None is the main one. Empty if it is damaged."""
    try:
        exif = image.getexif()
        return dict(exif if number is None else exif.get_ifd(number))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises errors of many classes for damaged Exif
        return {}


def _read_place(position: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _read_degrees(position.get(LATITUDE), position.get(LATITUDE_REF), "NS")
    longitude = _read_degrees(position.get(LONGITUDE), position.get(LONGITUDE_REF), "EW")
    return check_place(latitude, longitude)


def _read_degrees(value: object, reference: object, letters: str) -> float:
    """Degrees from up to three numbers and a letter; NaN where they are invalid."""
    letter = clean_text(reference).upper()[:1]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not 1 <= len(value) <= 3 or not letter:
        return math.nan
    degrees = sum_degrees(map(_to_float, value))
    return math.nan if letter not in letters else -degrees if letter == letters[1] else degrees


def _read_altitude(position: Mapping[int, Any]) -> float | None:
    metres = _to_float(position.get(ALTITUDE))
    reference = position.get(ALTITUDE_REF)
    is_below = reference in (BELOW_SEA, bytes([BELOW_SEA]))
    return check_altitude(-metres if is_below else metres)


def _to_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return math.nan
