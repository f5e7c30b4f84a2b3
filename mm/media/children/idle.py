"""Idle decoding children, kept for a while for the next request about their file."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.media.children.fork_rotation import CLOSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.children.budget import MemoryBudget
    from mm.media.children.process import DecodingChild

MAX_IDLE = 2
"""Children kept: one for video, one for audio."""

FileId = tuple[int, int, int, int]


class Lease:
    """A child and the file that it belongs to.

    The file is held open, so that its inode number is not reused while the child lives.
    """

    def __init__(self, file: int, fork: Callable[[], DecodingChild]) -> None:
        self.key = file_id(file)
        self.idle_since = 0.0
        self._file = os.dup(file)
        try:
            self.child = fork()
        except BaseException:
            os.close(self._file)
            raise

    def close_file(self) -> None:
        """Close the file, after the end of the child."""
        os.close(self._file)


class IdleChildren:
    """Up to `MAX_IDLE` idle children, each for at most `seconds`. Safe for several threads.

    `end` is called, without locks, with each lease that is not kept any longer.
    """

    def __init__(self, seconds: float, budget: MemoryBudget, end: Callable[[Lease], None]) -> None:
        self._seconds, self._budget, self._end = seconds, budget, end
        self._lock = threading.Lock()
        self._leases: list[Lease] = []  # longest idle first
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def add(self, lease: Lease) -> None:
        """Keep a child, unless others wait for memory; end the longest idle one of too many."""
        surplus = [lease]
        with self._lock:
            # Checked under the lock: a reservation that begins to wait afterwards finds the child
            # by `end_longest`.
            if not self._is_closed and not self._budget.has_waiters:
                lease.idle_since = time.monotonic()
                self._leases.append(lease)
                surplus, self._leases = self._leases[:-MAX_IDLE], self._leases[-MAX_IDLE:]
                self._start_timer()
        for ended in surplus:
            self._end(ended)

    def take(self, key: FileId, memory_bytes: int) -> Lease | None:
        """Return a living child of this file that may use as much memory, None if there is none.

        Raises `Unavailable` after `close`.
        """
        while True:
            with self._lock:
                if self._is_closed:
                    raise Unavailable(CLOSED)
                matching = (lease for lease in self._leases if lease.key == key and lease.child.memory_bytes >= memory_bytes)
                lease = next(matching, None)
                if lease is None:
                    return None
                self._leases.remove(lease)
            if lease.child.is_alive:
                return lease
            self._end(lease)

    def end_longest(self) -> bool:
        """End the longest idle child to free its memory; return False when there is none."""
        with self._lock:
            if not self._leases:
                return False
            lease = self._leases.pop(0)
        self._end(lease)
        return True

    def close(self) -> None:
        """End all of them; from then on none is kept."""
        with self._lock:
            self._is_closed = True
            leases, self._leases = self._leases, []
            if self._timer is not None:
                self._timer.cancel()
        for lease in leases:
            self._end(lease)

    def _start_timer(self) -> None:
        """Start a timer for the time at which the longest idle child expires."""
        if self._timer is None and self._leases:
            left = self._leases[0].idle_since + self._seconds - time.monotonic()
            self._timer = threading.Timer(max(left, 0.0), self._end_expired)
            self._timer.daemon = True
            self._timer.start()

    def _end_expired(self) -> None:
        with self._lock:
            now = time.monotonic()
            expired = [lease for lease in self._leases if now - lease.idle_since >= self._seconds]
            self._leases = [lease for lease in self._leases if lease not in expired]
            self._timer = None
            self._start_timer()
        for lease in expired:
            self._end(lease)


def file_id(file: int) -> FileId:
    """Identity of an open file: device, inode, size and modification time."""
    status = os.fstat(file)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
