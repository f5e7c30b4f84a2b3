"""The memory that all decoding children of a process may use together: who needs some waits until
it is there."""

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
"""Of the memory of the machine or the container, where no total is set: the rest is for the process
itself."""
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


class MemoryBudget:
    """`total` bytes, reserved in the order in which they are asked for. Safe to use from several
    threads and readers."""

    def __init__(self, total: int | None = None) -> None:
        """`total` is by default half of the memory that this process can have."""
        self.total = total or int(SHARE * available_memory())
        self._free = self.total
        self._turn = threading.Condition()
        self._waiting: deque[object] = deque()
        self._reclaimers: list[Callable[[], bool]] = []

    def add_reclaimer(self, reclaim: Callable[[], bool]) -> None:
        """`reclaim` ends something that holds memory and does nothing, and says whether there was
        any. Called without locks."""
        with self._turn:
            self._reclaimers.append(reclaim)

    def remove_reclaimer(self, reclaim: Callable[[], bool]) -> None:
        """Forget it."""
        with self._turn:
            self._reclaimers.remove(reclaim)

    @property
    def has_waiters(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    @property
    def free(self) -> int:
        """Bytes that are not reserved."""
        return self._free

    def reserve(self, size: int, seconds: float, name: str, deadline: Deadline) -> None:
        """Take `size` bytes, at most `total`; waits for those who came before and for as much to be
        released.

        Raises `Unavailable` after so many seconds, and what `deadline` raises about the file
        `name`.
        """
        ticket, end = object(), time.monotonic() + seconds
        with self._turn:
            self._waiting.append(ticket)
        try:
            while not self._take(ticket, size):
                deadline.check(name)
                left = end - time.monotonic()
                if left <= 0:
                    raise Unavailable(
                        f"The decoding children use all of their {self.total:,} bytes (MM_SANDBOX_TOTAL_MEMORY): try again later."
                    )
                if self._waiting[0] is ticket and self._reclaim():
                    continue
                with self._turn:
                    if not self._can_take(ticket, size):
                        self._turn.wait(deadline.wait(left))
        finally:
            with self._turn, suppress(ValueError):
                self._waiting.remove(ticket)
                self._turn.notify_all()

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        with self._turn:
            self._free += size
            self._turn.notify_all()

    def _can_take(self, ticket: object, size: int) -> bool:
        return self._waiting[0] is ticket and self._free >= size

    def _take(self, ticket: object, size: int) -> bool:
        with self._turn:
            if not self._can_take(ticket, size):
                return False
            self._waiting.popleft()
            self._free -= size
            self._turn.notify_all()
            return True

    def _reclaim(self) -> bool:
        with self._turn:
            reclaimers = list(self._reclaimers)
        return any(reclaim() for reclaim in reclaimers)


def available_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Memory of the machine, or of the smallest control group around this process, versions 1 and
    2."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                limits += _limits_above(cgroups / controllers, path, "memory.limit_in_bytes" if controllers else "memory.max")
    return min(limits)


def _limits_above(root: Path, path: str, file: str) -> list[int]:
    """Limits of a group and of those that it lies in. In a container the path may be one that is
    not seen from there."""
    group, limits = root / path.lstrip("/"), []
    for folder in (group, *(parent for parent in group.parents if parent == root or root in parent.parents)):
        with suppress(OSError, ValueError):  # "max" is no number: no limit
            limits.append(int((folder / file).read_text()))
    return [limit for limit in limits if limit > 0]
