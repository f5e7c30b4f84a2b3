"""Finds out which files of a folder that another program fills are complete."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

SETTLE_SECONDS = 0.5  # without a change of size and time after which a file is complete


@dataclass(slots=True)
class _Seen:
    state: tuple[int, int]  # size and modification time in nanoseconds
    since: float


class SettledFiles:
    """Files that have been seen and may still grow, by name.

    A file is complete when size and time have not changed for `seconds`. One that is that old when
    it is first seen is complete at once, unless it is empty.
    """

    def __init__(self, seconds: float = SETTLE_SECONDS) -> None:
        self._seconds = seconds
        self._waiting: dict[str, _Seen] = {}

    @property
    def num_waiting(self) -> int:
        """Files that are not complete yet."""
        return len(self._waiting)

    def is_complete(self, name: str, status: os.stat_result) -> bool:
        """Whether a file is complete, by its present status; a complete file no longer waits."""
        now, state = time.monotonic(), (status.st_size, status.st_mtime_ns)
        seen = self._waiting.get(name)
        is_old = time.time() - status.st_mtime >= self._seconds and status.st_size > 0
        if is_old if seen is None else seen.state == state and now - seen.since >= self._seconds:
            self._waiting.pop(name, None)
            return True
        if seen is None or seen.state != state:
            self._waiting[name] = _Seen(state, now)
        return False

    def keep(self, names: Collection[str]) -> None:
        """Stop waiting for all other files: they are no longer there."""
        for name in self._waiting.keys() - set(names):
            del self._waiting[name]
