"""Named regions of a scene: what must be present in each, or how often.

Coordinates are in pixels of the first good image; (0, 0) is the centre of its first pixel. Names of
arrays end in their axes: H height, W width.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.types import Mask

MAX_REGIONS, MAX_COUNT = 100, 1000
MIN_AREA_PX = 16
MAX_NAME = 64

Point = tuple[float, float]
Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""


@dataclass(frozen=True, slots=True)
class NamedRegion:
    """A region that a person named. With a count it holds copies of an example, else one thing."""

    name: str
    polygon: tuple[Point, ...]
    """Corners x, y in order, without repetition of the first one."""
    count: int | None = None
    """How many copies of the example a good image has in the region; None: only presence."""
    example: Box | None = None
    """One copy in the first good image."""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > MAX_NAME or not self.name.isprintable():
            raise InvalidInput(f"The name of a region has 1 to {MAX_NAME} printable characters.")
        if len(self.polygon) < 3 or not np.isfinite(np.array(self.polygon, np.float64)).all():
            raise InvalidInput(f"The region {self.name} needs at least three corners with finite coordinates.")
        if (self.count is None) != (self.example is None):
            raise InvalidInput(f"The region {self.name} needs both a count and the box of one example, or neither.")
        if self.count is not None and not 0 < self.count <= MAX_COUNT:
            raise InvalidInput(f"The count of the region {self.name} is from 1 to {MAX_COUNT}, not {self.count}.")

    def draw(self, size: tuple[int, int]) -> Mask:
        """The pixels (H, W) of the region in an image of this size; what is outside is left out."""
        mask_HW = np.zeros(size, np.uint8)
        cv2.fillPoly(mask_HW, [np.rint(np.array(self.polygon)).astype(np.int32)], 1)
        return mask_HW > 0

    def require_inside(self, size: tuple[int, int]) -> None:
        """Raise `InvalidInput` unless region and example lie in an image of (height, width)."""
        height, width = size
        corners = np.array(self.polygon)
        if (corners < -0.5).any() or (corners > np.array([width, height]) - 0.5).any():
            raise InvalidInput(f"The region {self.name} reaches beyond the image of {width} x {height} pixels.")
        if int(self.draw(size).sum()) < MIN_AREA_PX:
            raise InvalidInput(f"The region {self.name} covers fewer than {MIN_AREA_PX} pixels.")
        if self.example is None:
            return
        left, top, box_width, box_height = self.example
        if min(box_width, box_height) < 4 or left < 0 or top < 0 or left + box_width > width or top + box_height > height:
            raise InvalidInput(f"The example of the region {self.name} has sides of at least 4 pixels and lies in the image.")


def parse_regions(text: str) -> tuple[NamedRegion, ...]:
    """Read regions from JSON, a list of objects.

    `name`; `polygon` [[x, y], ...] or `box` [left, top, width, height]; and for a count `count` and
    `example` [left, top, width, height]. Raises `InvalidInput`, which says what is wrong.
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"The regions are not valid JSON: {error}.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput("The regions are a JSON list of objects with a name and a polygon or a box.")
    regions = tuple(_parse_region(entry, index) for index, entry in enumerate(entries, 1))
    check_regions(regions)
    return regions


def check_regions(regions: tuple[NamedRegion, ...]) -> None:
    """Raise `InvalidInput` without regions, for too many, and for a name that occurs twice."""
    if not 0 < len(regions) <= MAX_REGIONS:
        raise InvalidInput(f"A logical inspector has 1 to {MAX_REGIONS} named regions, not {len(regions)}.")
    names = [region.name for region in regions]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f"Two regions are named {repeated[0]}.")


def _parse_region(entry: dict[str, object], index: int) -> NamedRegion:
    unknown = sorted(set(entry) - {"name", "polygon", "box", "count", "example"})
    name = entry.get("name")
    if unknown or not isinstance(name, str):
        raise InvalidInput(f"Region {index} has {f'an unknown entry {unknown[0]!r}' if unknown else 'no name'}.")
    if ("polygon" in entry) == ("box" in entry):
        raise InvalidInput(f"The region {name} needs either a polygon or a box.")
    if "box" in entry:
        left, top, width, height = _parse_numbers(entry["box"], 4, f"The box of the region {name}")
        if min(width, height) <= 0:
            raise InvalidInput(f"The box of the region {name} has no area.")
        right, bottom = left + width - 1, top + height - 1
        polygon: tuple[Point, ...] = ((left, top), (right, top), (right, bottom), (left, bottom))
    else:
        corners = entry["polygon"]
        if not isinstance(corners, list):
            raise InvalidInput(f"The polygon of the region {name} is a list of [x, y].")
        pairs = [_parse_numbers(corner, 2, f"A corner of the region {name}") for corner in corners]
        polygon = tuple((pair[0], pair[1]) for pair in pairs)
    count = entry.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
        raise InvalidInput(f"The count of the region {name} is a whole number.")
    example: Box | None = None
    if entry.get("example") is not None:
        values = _parse_numbers(entry["example"], 4, f"The example of the region {name}")
        example = (round(values[0]), round(values[1]), round(values[2]), round(values[3]))
    return NamedRegion(name, polygon, count, example)


def _parse_numbers(value: object, length: int, label: str) -> list[float]:
    if not isinstance(value, list) or len(value) != length:
        raise InvalidInput(f"{label} is a list of {length} numbers.")
    numbers = []
    for number in value:
        if not isinstance(number, int | float) or isinstance(number, bool):
            raise InvalidInput(f"{label} is a list of {length} numbers.")
        numbers.append(float(number))
    return numbers
