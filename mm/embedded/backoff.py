"""When a part that died is started again: at once after a long life, ever later when it keeps
dying."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a life so long makes up for all deaths before


class Backoff:
    """Back-off by part. Times are seconds of one clock that only goes forward."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        """`first` is the pause after the first death, `longest` that of a part that never lives
        long."""
        self._first = first
        self._longest = longest
        self._due: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def record_exit(self, name: str, now: float) -> float:
        """Note a death; returns the seconds until the next start."""
        lived = now - self._started.get(name, float("-inf"))
        pause = self._first if lived >= STEADY_SECONDS else min(self._pause.get(name, 0.0) * 2, self._longest)
        self._pause[name] = max(pause, self._first)
        self._due[name] = now + self._pause[name]
        return self._pause[name]

    def list_due(self, now: float) -> list[str]:
        """Parts whose pause is over."""
        return [name for name, at in self._due.items() if at <= now]

    def seconds_until_due(self, now: float) -> float | None:
        """Seconds until the next start is due, None when none is."""
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def record_start(self, name: str, now: float) -> None:
        """Note that the part was started again."""
        del self._due[name]
        self._started[name] = now
