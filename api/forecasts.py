"""Position and time left of jobs, worked out once for all who ask in the same second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexes.forecast import forecast

if TYPE_CHECKING:
    from indexes.catalog import Catalog
    from indexes.forecast import Forecast

FRESH_SECONDS = 1.0


class Forecasts:
    """Of all open jobs. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, chunk_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._chunk_seconds = chunk_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._made_at = float("-inf")
        self._forecasts: dict[str, Forecast] = {}

    def of(self, job_id: str) -> Forecast | None:
        """None for a job that is over, or that came within the last second. Raises `Unavailable`."""
        with self._lock:
            if self._clock() - self._made_at >= FRESH_SECONDS:
                self._forecasts = forecast(self._catalog.open_work(self._chunk_seconds))
                self._made_at = self._clock()
            return self._forecasts.get(job_id)
