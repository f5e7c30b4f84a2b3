"""Configuration of a line: what is inspected, when a part counts as inside, when it is decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mm.errors import InvalidInput

Crop = Literal["region", "part"]
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class LineConfig:
    """Settings of one line. Raises `InvalidInput` for values out of range."""

    name: str
    region: tuple[tuple[float, float], ...] = ()
    """Polygon of the region of interest in pixels x, y of the source; empty is the whole frame."""
    crop: Crop = "region"
    """What the inspector receives: the region of interest, or the box around the part."""
    min_area: float = 0.01
    """Smallest part, as a share of the area of the region."""
    contrast: float = 24.0
    """Smallest difference of a part from the empty region, of 255."""
    absent_frames: int = 2
    """Frames without the part after which it has left."""
    max_inside_seconds: float = 60.0
    """Longest time inside; a part that stays longer is decided as UNDECIDED."""
    max_gap_seconds: float = 2.0
    """Longest interruption of the source after which the parts inside are still the same."""
    pending_frames: int = 2
    """Frames of one part that may wait for the inspector; further ones replace them."""
    min_inspected: int = 1
    """Inspected frames without which a part is UNDECIDED."""
    fail_share: float = 0.5
    """Share of the inspected frames that must fail for the part to fail."""
    deadline_seconds: float | None = 1.0
    """Time from the last frame of a part to its verdict; None waits for all frames."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InvalidInput(f"{self.name!r} is not a name of a line: use up to 64 lowercase letters, digits and hyphens.")
        if self.region and len(self.region) < 3:
            raise InvalidInput("A region of interest needs at least three corners.")
        for name, low, high in (
            ("min_area", 0.0, 1.0), ("contrast", 1.0, 255.0), ("fail_share", 0.0, 1.0), ("max_inside_seconds", 0.0, 86_400.0),
        ):  # fmt: skip
            if not low < getattr(self, name) <= high:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be above {low:g} and at most {high:g}.")
        for name in ("absent_frames", "pending_frames", "min_inspected"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.deadline_seconds is not None and not self.deadline_seconds > 0:
            raise InvalidInput(f"A deadline of {self.deadline_seconds} s is invalid: it must be positive.")


def parse_region(text: str) -> tuple[tuple[float, float], ...]:
    """Read `X,Y,WIDTH,HEIGHT` or the corners `X,Y X,Y X,Y ...` in pixels.

    Raises `InvalidInput`.
    """
    try:
        groups = [tuple(float(number) for number in group.split(",")) for group in text.split()]
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a region: write X,Y,WIDTH,HEIGHT or the corners X,Y X,Y X,Y.") from error
    if len(groups) == 1 and len(groups[0]) == 4:
        x, y, width, height = groups[0]
        if min(x, y) >= 0 and min(width, height) >= 1:
            return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    elif len(groups) >= 3 and all(len(group) == 2 and min(group) >= 0 for group in groups):
        return tuple((group[0], group[1]) for group in groups)
    raise InvalidInput(f"{text!r} is not a region: write X,Y,WIDTH,HEIGHT or the corners X,Y X,Y X,Y.")
