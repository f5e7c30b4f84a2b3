"""What a person says of an inspected image: good after all, defective, and where.

Coordinates are in pixels of the image, x to the right and y down; (0, 0) is the centre of its first
pixel. Names of arrays end in their axes: H height, W width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.scoring.run_length import decode_mask
from mm.inspection.types import Mask, Verdict

MarkVerdict = Literal["accept", "reject"]
Polygon = tuple[tuple[float, float], ...]
"""Corners x, y of an outline, at least three, without repetition of the first."""

MIN_CORNERS = 3
MAX_LENGTH = 4096
"""Characters of the name of an image and of its group."""
MAX_KIND = 64
"""Characters of the name of a kind of defect."""
_SUBPIXEL_BITS = 4
"""Corners are rounded to sixteenths of a pixel when a polygon is filled."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of one image. It is checked when it is made: raises `InvalidInput`."""

    image: str
    """A media id, or the path of a file."""
    verdict: MarkVerdict
    """`accept`: the part is good. `reject`: it is defective."""
    polygons: tuple[Polygon, ...] = ()
    """Outlines of the defect; only of a rejected part."""
    mask_rle: str | None = None
    """The defect as run lengths in the form of COCO files, of a mask of `size`."""
    size: tuple[int, int] | None = None
    """Height and width in pixels of the image, where they are known; required with `mask_rle`."""
    kind: str | None = None
    """Name of the kind of defect, such as `scratch`."""
    group: str | None = None
    """The part, batch or exposure series of the image; None: the image by itself."""
    inspected: Verdict | None = None
    """The verdict of the inspector that the person saw; None if there was none."""
    version: int | None = None
    """The version of the inspector that gave this verdict."""
    author: str = ""
    at: str = ""
    """When it was made, as ISO 8601."""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(MarkVerdict):
            raise InvalidInput(f"A mark says 'accept' or 'reject', not {self.verdict!r}.")
        if self.inspected is not None and self.inspected not in get_args(Verdict):
            raise InvalidInput(f"A verdict is one of {', '.join(get_args(Verdict))}, not {self.inspected!r}.")
        if not 0 < len(self.image) <= MAX_LENGTH or len(self.group or "") > MAX_LENGTH:
            raise InvalidInput(f"A mark names an image, and a group if there is one, in at most {MAX_LENGTH} characters.")
        if self.kind is not None and not 0 < len(self.kind.strip()) <= MAX_KIND:
            raise InvalidInput(f"The kind of a defect has 1 to {MAX_KIND} characters, not {len(self.kind)}.")
        if self.verdict == "accept" and (self.has_outline or self.kind is not None):
            raise InvalidInput("An accepted part has no defect: leave out polygons, mask and kind, or reject the part.")
        if self.size is not None and min(self.size) < 1:
            raise InvalidInput(f"An image has at least one pixel, not {self.size[1]} x {self.size[0]}.")
        for polygon in self.polygons:
            _check_polygon(polygon, self.size)
        if self.mask_rle is not None:
            if self.size is None:
                raise InvalidInput("A mark with run lengths needs the size of the image: (height, width).")
            decode_mask(self.mask_rle, *self.size)

    @property
    def mark_id(self) -> str:
        """Hash of what the mark says, 16 hexadecimal digits.

        Author, time and what was inspected are left out: a mark that is made twice is one.
        """
        content = {key: value for key, value in self.to_json().items() if key not in ("author", "at", "inspected", "version")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def has_outline(self) -> bool:
        """Whether the mark says where the defect is."""
        return bool(self.polygons) or self.mask_rle is not None

    @property
    def group_name(self) -> str:
        return self.group if self.group is not None else self.image

    def draw_mask(self, height: int, width: int) -> Mask:
        """The marked pixels (H, W) of the image, which has this size.

        Raises `InvalidInput` when the mark was made on an image of another size.
        """
        if self.size is not None and self.size != (height, width):
            marked = f"{self.size[1]} x {self.size[0]}"
            raise InvalidInput(f"{self.image} has {width} x {height} pixels, but was marked with {marked} pixels.")
        drawn_HW = np.zeros((height, width), np.uint8)
        for polygon in self.polygons:
            _check_polygon(polygon, (height, width))
            points = np.rint(np.array(polygon) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillPoly(drawn_HW, [points], 1, cv2.LINE_8, _SUBPIXEL_BITS)
        mask_HW = drawn_HW.astype(np.bool_)
        return mask_HW if self.mask_rle is None else mask_HW | decode_mask(self.mask_rle, height, width)

    def to_json(self) -> dict[str, object]:
        """The mark as values of JSON; `from_json` reads them."""
        values: dict[str, object] = {each.name: getattr(self, each.name) for each in fields(self)}
        values["polygons"] = [[list(corner) for corner in polygon] for polygon in self.polygons]
        values["size"] = None if self.size is None else list(self.size)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Mark:
        """The mark of such values. Raises `InvalidInput` for missing, unknown or wrong ones."""
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidInput(f"A mark has no field {unknown[0]!r}.")
        try:
            polygons = tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in _as_list(values.get("polygons", [])))
            size = values.get("size")
            height_width = None if size is None else tuple(int(side) for side in _as_list(size))
            if height_width is not None and len(height_width) != 2:
                raise ValueError("size")
            version = values.get("version")
            if version is not None and not isinstance(version, int):
                raise TypeError(f"the version {version!r} is no number")
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The polygons, the size or the version of a mark cannot be read: {error}.") from error
        texts = {name: values.get(name) for name in ("mask_rle", "kind", "group", "inspected")}
        texts |= {name: values.get(name, "") for name in ("image", "verdict", "author", "at")}
        for name, value in texts.items():
            if not isinstance(value, str) and not (value is None and name in ("mask_rle", "kind", "group", "inspected")):
                raise InvalidInput(f"The field {name!r} of a mark is a text, not {value!r}.")
        return cls(polygons=polygons, size=height_width, version=version, **texts)  # type: ignore[arg-type]


def _as_list(value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r} is no list")
    return list(value)


def _check_polygon(polygon: Polygon, size: tuple[int, int] | None) -> None:
    """Raise `InvalidInput` unless the polygon is one and touches an image of `size`."""
    corners = np.array(polygon, np.float64)
    if corners.ndim != 2 or corners.shape[0] < MIN_CORNERS or corners.shape[1] != 2:
        raise InvalidInput(f"A polygon has at least {MIN_CORNERS} corners of x and y.")
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
        raise InvalidInput("The corners of a polygon are finite numbers of pixels.")
    if size is not None and ((corners.max(0) < 0).any() or (corners.min(0) > np.array(size[::-1]) - 1).any()):
        raise InvalidInput(f"A polygon lies outside of the image of {size[1]} x {size[0]} pixels.")
