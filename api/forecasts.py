"""Queue position and time left of jobs, computed at intervals and shared by all requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexes.catalog.queue.forecast import forecast

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from indexes.catalog.queue.forecast import Forecast

MIN_VALID_SECONDS = 1.0
"""Minimum validity of a forecast."""
VALIDITY_FACTOR = 20
"""Minimum ratio of validity to computation time, which is a fraction of a second for thousands of
jobs."""


class Forecasts:
    """Forecasts of all open jobs. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, chunk_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._chunk_seconds = chunk_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._valid_until = float("-inf")
        self._forecasts: dict[str, Forecast] = {}

    def get(self, job_id: str) -> Forecast | None:
        """Return the forecast of a job; None for a finished one, and for one that is newer than the
        latest computation. Raises `Unavailable`."""
        with self._lock:
            if (started := self._clock()) >= self._valid_until:
                self._forecasts = forecast(self._catalog.read_open_work(self._chunk_seconds))
                seconds = self._clock() - started
                self._valid_until = started + seconds + max(MIN_VALID_SECONDS, VALIDITY_FACTOR * seconds)
            return self._forecasts.get(job_id)
