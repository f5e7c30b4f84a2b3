"""Exponential back-off between restarts of a process."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # an uptime that resets the delay


class Backoff:
    """Restart delays by process name. Times are seconds of a monotonic clock."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        """`first` is the delay after the first exit; early exits double it, up to `longest`."""
        self._first = first
        self._longest = longest
        self._due: dict[str, float] = {}
        self._delay: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def record_exit(self, name: str, now: float) -> float:
        """Record the exit of a process; returns the seconds until its restart."""
        uptime = now - self._started.get(name, float("-inf"))
        delay = self._first if uptime >= STEADY_SECONDS else min(self._delay.get(name, 0.0) * 2, self._longest)
        self._delay[name] = max(delay, self._first)
        self._due[name] = now + self._delay[name]
        return self._delay[name]

    def list_due(self, now: float) -> list[str]:
        """Names of the processes whose restart is due."""
        return [name for name, at in self._due.items() if at <= now]

    def seconds_until_due(self, now: float) -> float | None:
        """Seconds until the next restart is due, `None` if no process waits for one."""
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def record_start(self, name: str, now: float) -> None:
        """Record the restart of a process."""
        del self._due[name]
        self._started[name] = now
