"""Memory budget shared by all decoding children of a process; reservations wait in order."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.children.deadline import Deadline

SHARE = 0.5
"""Share of the memory of the machine or container, where no total is set. The rest is for the
process itself."""
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


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


def available_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Bytes of the machine, or of the smallest enclosing control group, versions 1 and 2."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                limits += _read_limits(cgroups / controllers, path, "memory.limit_in_bytes" if controllers else "memory.max")
    return min(limits)


def _read_limits(root: Path, path: str, file: str) -> list[int]:
    """Limits of a group and of its parents. In a container the path may not exist there."""
    group, limits = root / path.lstrip("/"), []
    for folder in (group, *(parent for parent in group.parents if parent == root or root in parent.parents)):
        with suppress(OSError, ValueError):  # "max" is not a number: no limit
            limits.append(int((folder / file).read_text()))
    return [limit for limit in limits if limit > 0]
