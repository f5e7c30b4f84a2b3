"""A number of bytes that requests share; each client may use a part of it."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.limits.limiter import CLIENT, TOTAL
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.limits.limiter import Quota


class ByteBudget:
    """Memory for request bodies, in bytes. Used on one event loop only."""

    def __init__(self, name: str, quota: Quota, *, setting: str | None = None) -> None:
        self.name = name
        self._setting = "" if setting is None else f" (limited by MM_{setting.upper()})"
        self.slots = quota
        self.refused: Counter[str] = Counter()
        self.waiting = 0  # there is no queue
        self._in_use: Counter[str] = Counter()

    @property
    def in_use(self) -> int:
        """Number of bytes in use."""
        return self._in_use.total()

    @contextmanager
    def hold(self, client: str, size: int) -> Iterator[None]:
        """Reserve `size` bytes for the duration of the block. Raises `TooMany`."""
        checks = ((CLIENT, self._in_use[client], self.slots.share), (TOTAL, self.in_use, self.slots.total))
        for reason, in_use, limit in checks:
            if in_use + size > limit:
                self.refused[reason] += 1
                owner = "this key or address" if reason == CLIENT else "all clients together"
                raise TooMany(
                    f"The {self.name} of {owner} use {in_use:,} of {limit:,} bytes{self._setting}; try again in a moment."
                )
        self._in_use[client] += size
        try:
            yield
        finally:
            self._in_use[client] -= size
            if not self._in_use[client]:
                del self._in_use[client]
