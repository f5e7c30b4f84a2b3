"""A flag that the main process of a worker sets and its child processes read."""

from __future__ import annotations

import mmap


class StopFlag:
    """One byte of shared memory of the process that creates it and of those it forks later.

    It needs no lock and no broker; setting it is safe in a signal handler.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Request a stop: the leases of running chunks are released."""
        self._memory[0] = 1

    def is_set(self) -> bool:
        return self._memory[0] == 1
