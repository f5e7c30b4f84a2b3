"""Handles of moments: an item and a time range as text, `ITEM@START-END` with seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HANDLE = re.compile(r"([0-9a-f]{32})@([0-9]{1,9}(?:\.[0-9]{1,3})?)-([0-9]{1,9}(?:\.[0-9]{1,3})?)")


@dataclass(frozen=True, slots=True)
class Handle:
    """A time range of an item, in seconds."""

    item_id: str
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.item_id}@{self.start:.3f}-{self.end:.3f}"

    @classmethod
    def parse(cls, text: str) -> Handle | None:
        """Parse a handle; None for any other text."""
        match = _HANDLE.fullmatch(text)
        if match is None or float(match[3]) < float(match[2]):
            return None
        return cls(match[1], float(match[2]), float(match[3]))
