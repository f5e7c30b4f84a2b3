"""Memory budget shared by all decoding children of a process; reservations wait in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.machine import available_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.children.deadline import Deadline

SHARE = 0.5
"""Share of the memory of the machine or container, where no total is set. The rest is for the
process itself."""


class MemoryBudget:
    """`total` bytes, reserved first come, first served. Safe for several threads and readers."""

    def __init__(self, total: int | None = None) -> None:
        """`total` is by default half of the memory that this process can have."""
        self.total = total or int(SHARE * available_memory())
        self._free = self.total
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._reclaimers: list[Callable[[], bool]] = []

    def add_reclaimer(self, reclaim: Callable[[], bool]) -> None:
        """Register a function that ends an idle holder of memory and returns whether there was one.

        It is called without locks.
        """
        with self._changed:
            self._reclaimers.append(reclaim)

    def remove_reclaimer(self, reclaim: Callable[[], bool]) -> None:
        """Unregister a function of `add_reclaimer`."""
        with self._changed:
            self._reclaimers.remove(reclaim)

    @property
    def has_waiters(self) -> bool:
        """Whether a reservation waits."""
        return bool(self._waiting)

    @property
    def free(self) -> int:
        """Bytes that are not reserved."""
        return self._free

    def reserve(self, size: int, seconds: float, name: str, deadline: Deadline) -> None:
        """Reserve `size` bytes, at most `total`; wait for earlier reservations and for free memory.

        Raises `Unavailable` after so many seconds, and what `deadline` raises about the file
        `name`.
        """
        ticket, end = object(), time.monotonic() + seconds
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._try_reserve(ticket, size):
                deadline.check(name)
                left = end - time.monotonic()
                if left <= 0:
                    raise Unavailable(
                        f"The decoding children use all of their {self.total:,} bytes (MM_SANDBOX_TOTAL_MEMORY): try again later."
                    )
                if self._waiting[0] is ticket and self._reclaim():
                    continue
                with self._changed:
                    if not self._can_reserve(ticket, size):
                        self._changed.wait(deadline.limit_wait(left))
        finally:
            with self._changed, suppress(ValueError):
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def release(self, size: int) -> None:
        """Release reserved bytes."""
        with self._changed:
            self._free += size
            self._changed.notify_all()

    def _can_reserve(self, ticket: object, size: int) -> bool:
        return self._waiting[0] is ticket and self._free >= size

    def _try_reserve(self, ticket: object, size: int) -> bool:
        with self._changed:
            if not self._can_reserve(ticket, size):
                return False
            self._waiting.popleft()
            self._free -= size
            self._changed.notify_all()
            return True

    def _reclaim(self) -> bool:
        with self._changed:
            reclaimers = list(self._reclaimers)
        return any(reclaim() for reclaim in reclaimers)
