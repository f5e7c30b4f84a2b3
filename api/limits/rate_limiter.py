"""Rate limit per client: a token bucket each, filled at a steady rate up to one minute's worth."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CLIENTS = 10_000  # buckets; the least recently used one, which is the fullest, is discarded first


class RateLimiter:
    """Token buckets of all clients. Used on one event loop only."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, time of the count

    def take(self, client: str) -> None:
        """Take a token of the client. Raises `TooMany` with the time until the next one."""
        now = self._clock()
        tokens, since = self._buckets.pop(client, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._per_second)
        is_allowed = tokens >= 1
        self._buckets[client] = (tokens - is_allowed, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if not is_allowed:
            raise TooMany(
                f"More than {self._capacity:.0f} requests came from this key or address in a minute (MM_RATE_PER_MINUTE); "
                "try again later.",
                retry_after=(1 - tokens) / self._per_second,
            )
