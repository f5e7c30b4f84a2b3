"""Position and time left of jobs, worked out once for all who ask within a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexes.catalog.queue.forecast import forecast

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from indexes.catalog.queue.forecast import Forecast

FRESH_SECONDS = 1.0
"""Least time for which a forecast holds."""
SHARE = 20
"""It holds at least so many times as long as it took: with thousands of jobs it takes a part of a
second."""


class Forecasts:
    """Of all open jobs. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, chunk_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._chunk_seconds = chunk_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._forecasts: dict[str, Forecast] = {}

    def of(self, job_id: str) -> Forecast | None:
        """None for a job that is over, or that came after the latest forecast. Raises
        `Unavailable`."""
        with self._lock:
            if (started := self._clock()) >= self._until:
                self._forecasts = forecast(self._catalog.read_open_work(self._chunk_seconds))
                took = self._clock() - started
                self._until = started + took + max(FRESH_SECONDS, SHARE * took)
            return self._forecasts.get(job_id)
