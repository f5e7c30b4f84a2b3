"""A number of bytes that requests share, each caller at most a part of it."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.limits.limiter import CALLER, TOTAL
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.limits.limiter import Quota


class ByteBudget:
    """Bytes of memory that bodies of requests may take together. Used on one event loop only."""

    def __init__(self, name: str, quota: Quota) -> None:
        self.name = name
        self.places = quota
        self.refused: Counter[str] = Counter()
        self.waiting = 0  # nobody waits for bytes
        self._held: Counter[str] = Counter()

    @property
    def inside(self) -> int:
        """Bytes in use."""
        return self._held.total()

    @contextmanager
    def hold(self, caller: str, size: int) -> Iterator[None]:
        """`size` bytes for as long as the block lasts. Raises `TooMany`."""
        for reason, held, most in ((CALLER, self._held[caller], self.places.share), (TOTAL, self.inside, self.places.total)):
            if held + size > most:
                self.refused[reason] += 1
                whose = "This key or address sends" if reason == CALLER else "All callers together send"
                raise TooMany(f"{whose} {held:,} bytes of {self.name} already; at most {most:,} are taken at once.")
        self._held[caller] += size
        try:
            yield
        finally:
            self._held[caller] -= size
            if not self._held[caller]:
                del self._held[caller]
