"""How often one caller may ask: a token bucket each, filled at a steady rate up to a minute's
worth."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CALLERS = 10_000  # remembered; the one that was silent longest is forgotten first, and its bucket is the fullest


class RateLimiter:
    """Buckets of all callers. Used on the event loop only, so it needs no lock."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def take(self, caller: str) -> None:
        """One request. Raises `TooMany` with the time after which the next one is taken."""
        now = self._clock()
        tokens, since = self._buckets.pop(caller, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._per_second)
        taken = tokens >= 1
        self._buckets[caller] = (tokens - taken, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        if not taken:
            limit = f"More than {self._capacity:.0f} requests came from here in a minute (MM_RATE_PER_MINUTE); wait a little."
            raise TooMany(limit, retry_after=(1 - tokens) / self._per_second)
