"""Deadline of a request: after a number of seconds, or when the caller sets an event."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

from mm.errors import Cancelled, MediaError

if TYPE_CHECKING:
    import threading

POLL_SECONDS = 0.05
"""Interval at which the event is checked: it has no file descriptor for poll(2)."""


class Deadline:
    """A point in time, counted from construction, and an event. Either may be missing."""

    def __init__(self, seconds: float | None = None, cancelled: threading.Event | None = None) -> None:
        self._seconds, self._cancelled = seconds, cancelled
        self._end = inf if seconds is None else time.monotonic() + seconds

    def check(self, name: str) -> None:
        """Raise `MediaError` (`timeout`) after the deadline, `Cancelled` when the event is set."""
        if self._cancelled is not None and self._cancelled.is_set():
            raise Cancelled(f"{name}: reading it was cancelled.")
        if time.monotonic() >= self._end:
            raise MediaError(name, "timeout", f"it was not read within {self._seconds:g} s")

    def limit_wait(self, seconds: float) -> float:
        """Longest wait before the next `check`, at most `seconds`."""
        left = min(seconds, max(self._end - time.monotonic(), 0.0))
        return left if self._cancelled is None else min(left, POLL_SECONDS)


NO_DEADLINE = Deadline()
