"""Whether a worker still works: one that lost the broker may take no messages any more, and a task
may stall."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DEAF_SWEEPS = 15
"""Sweeps that find work waiting and this process idle, without a break, before it counts as deaf:
an idle worker takes what waits at once, however many others there are."""
DEAF_SECONDS = 10.0
"""Least time of that, for a worker that is only just starting or connecting again."""


class StallDetector:
    """Shared by the tasks of a process and its sweeper."""

    def __init__(
        self, sweep_seconds: float, clock: Callable[[], float] = time.monotonic, *, stall_seconds: float = math.inf
    ) -> None:
        """A task that makes no progress for `stall_seconds` is stalled."""
        self._stall_seconds = stall_seconds
        self._seconds = max(DEAF_SWEEPS * sweep_seconds, DEAF_SECONDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._well_at = clock()
        self._progress_at = clock()

    def begin(self) -> None:
        """Count from now on: the process that works is born long after this was made."""
        with self._lock:
            self._well_at = self._clock()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Around a task that runs."""
        with self._lock:
            self._running += 1
            self._progress_at = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._well_at = self._clock()

    @property
    def busy(self) -> bool:
        """Whether a task runs."""
        with self._lock:
            return self._running > 0

    def progressed(self) -> None:
        """Called by a task whenever it has come further."""
        with self._lock:
            self._progress_at = self._clock()

    def is_stalled(self) -> bool:
        """Whether a task runs and has made no progress for too long."""
        with self._lock:
            return self._running > 0 and self._clock() - self._progress_at > self._stall_seconds

    def is_disconnected(self, waiting: int | None) -> bool:
        """At each sweep, with the number of messages that nobody has taken, None while the broker
        does not answer."""
        with self._lock:
            if self._running or not waiting:
                self._well_at = self._clock()
            return self._clock() - self._well_at > self._seconds
