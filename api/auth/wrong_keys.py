"""Rate limit of wrong credentials, per network and in total.

A key has 256 random bits, so guessing fails with or without a limit; the limit bounds the work, the
log and the audit rows that a flood causes. It never refuses a valid key: other clients behind the
same address could otherwise lock its owner out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.limits.rate_limiter import RateLimiter
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Callable

TOTAL_FACTOR = 20
"""Limit of all networks together, in multiples of the limit of one."""


class WrongKeyLimiter:
    """Counts wrong credentials. Used on one event loop only."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._by_network = RateLimiter(per_minute, clock)
        self._total = RateLimiter(per_minute * TOTAL_FACTOR, clock)

    def count(self, network: str) -> None:
        """Count a wrong credential of `network`. Raises `TooMany` over the limit."""
        try:
            self._by_network.take(network)
            self._total.take("")
        except TooMany as error:
            raise TooMany(
                f"More than {self._limit} wrong keys came from this address in a minute, or {self._limit * TOTAL_FACTOR} "
                "from all addresses (MM_WRONG_KEYS_PER_MINUTE). Try again later; a valid key is accepted meanwhile.",
                error.retry_after,
            ) from None
