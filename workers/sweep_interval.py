"""How long a sweeper waits between two sweeps."""

from __future__ import annotations

FACTOR = 4
"""How many times the set interval the longest one is."""
LONGEST_SECONDS = 20.0
"""Longest interval all the same, unless a longer one is set: each sweep of an idle worker ends in a
sign of work, which readiness expects once a minute."""


class SweepInterval:
    """The set interval while there is work, then twice as long after each quiet sweep, up to a
    bound."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._longest = max(seconds, min(FACTOR * seconds, LONGEST_SECONDS))
        self._pause = seconds

    def advance(self, *, is_idle: bool) -> float:
        """Seconds until the next sweep, after one that found the library at rest or not."""
        self._pause = min(2 * self._pause, self._longest) if is_idle else self._seconds
        return self._pause
