"""One bit that the worker's main process raises and its children see, without locks and without the
broker."""

from __future__ import annotations

import mmap


class StopFlag:
    """Shared by the process that makes it and all it forks later. Raising it is safe in a signal
    handler."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Ask for the end: running chunks are given back instead of finished."""
        self._memory[0] = 1

    def is_set(self) -> bool:
        return self._memory[0] == 1
