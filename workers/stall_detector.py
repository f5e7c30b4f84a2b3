"""Detects workers that receive no messages after losing the broker, and stalled tasks."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STALL_SWEEPS = 15
"""Consecutive sweeps with work waiting and this process idle before it counts as disconnected: an
idle worker takes waiting work at once, however many workers there are."""
MIN_STALL_SECONDS = 10.0
"""Minimum of that time, for a worker that is starting or reconnecting."""


class StallDetector:
    """Shared by the tasks of a process and its sweeper."""

    def __init__(
        self, sweep_seconds: float, clock: Callable[[], float] = time.monotonic, *, stall_seconds: float = math.inf
    ) -> None:
        """A task that makes no progress for `stall_seconds` is stalled."""
        self._stall_seconds = stall_seconds
        self._seconds = max(STALL_SWEEPS * sweep_seconds, MIN_STALL_SECONDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._active_at = clock()
        self._progress_at = clock()

    def reset(self) -> None:
        """Restart the measurement of idle time; called when the worker process starts."""
        with self._lock:
            self._active_at = self._clock()

    @contextmanager
    def track_task(self) -> Iterator[None]:
        """Context manager around a running task."""
        with self._lock:
            self._running += 1
            self._progress_at = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._active_at = self._clock()

    @property
    def is_busy(self) -> bool:
        """Whether a task runs."""
        with self._lock:
            return self._running > 0

    def record_progress(self) -> None:
        """Called by a task whenever it has made progress."""
        with self._lock:
            self._progress_at = self._clock()

    def is_stalled(self) -> bool:
        """Whether a task runs and has made no progress for too long."""
        with self._lock:
            return self._running > 0 and self._clock() - self._progress_at > self._stall_seconds

    def is_disconnected(self, waiting: int | None) -> bool:
        """Whether this process receives no messages; called at each sweep.

        `waiting` is the number of waiting messages, None while the broker does not respond.
        """
        with self._lock:
            if self._running or not waiting:
                self._active_at = self._clock()
            return self._clock() - self._active_at > self._seconds
