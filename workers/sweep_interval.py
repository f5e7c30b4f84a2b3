"""The interval between two sweeps."""

from __future__ import annotations

FACTOR = 4
"""Maximum interval as a multiple of `MM_SWEEP_SECONDS`."""
MAX_SECONDS = 20.0
"""Maximum interval, unless `MM_SWEEP_SECONDS` is longer: each sweep of an idle worker triggers a
heartbeat, and readiness requires one per minute."""


class SweepInterval:
    """`MM_SWEEP_SECONDS` while there is work, doubled after each idle sweep up to a maximum."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._max_seconds = max(seconds, min(FACTOR * seconds, MAX_SECONDS))
        self._current = seconds

    def advance(self, *, is_idle: bool) -> float:
        """Return the seconds until the next sweep; `is_idle` is the result of the last one."""
        self._current = min(2 * self._current, self._max_seconds) if is_idle else self._seconds
        return self._current
