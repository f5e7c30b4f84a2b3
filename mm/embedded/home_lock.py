"""Locks between processes that share a home folder; the kernel releases them at process exit."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from mm.errors import Conflict, InvalidInput


class HomeLock:
    """An advisory lock (flock(2)) on a file in `MM_HOME/run`."""

    def __init__(self, home: Path, name: str) -> None:
        self._path = home / "run" / f"{name}.lock"
        self._file: int | None = None

    def try_exclusive(self) -> bool:
        """Acquire it exclusively without waiting, and write the process id into the file."""
        try:
            fcntl.flock(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self._open(), 0)
        os.pwrite(self._open(), str(os.getpid()).encode(), 0)
        return True

    def acquire_shared(self, on_wait: Callable[[], None]) -> None:
        """Acquire it shared; calls `on_wait` and blocks while it is held exclusively."""
        self._acquire(fcntl.LOCK_SH, on_wait)

    def acquire_exclusive(self, on_wait: Callable[[], None]) -> None:
        """Acquire it exclusively; calls `on_wait` and blocks while it is held."""
        self._acquire(fcntl.LOCK_EX, on_wait)

    def release(self) -> None:
        """Release it, if it is held."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def holder(self) -> str:
        """Process id of the last exclusive holder."""
        return self._path.read_text().strip() or "unknown"

    def _acquire(self, kind: int, on_wait: Callable[[], None]) -> None:
        try:
            fcntl.flock(self._open(), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(self._open(), kind)

    def _open(self) -> int:
        if self._file is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise InvalidInput(f"MM_HOME cannot be used: {self._path.parent}: {error.strerror}.") from error
        return self._file


def lock_home(home: Path) -> HomeLock:
    """Acquire the lock to run the service on a home folder. Raises `Conflict` if it is held."""
    lock = HomeLock(home, "stack")
    if not lock.try_exclusive():
        holder = lock.holder()
        lock.release()
        raise Conflict(f"The service runs on {home} already (process {holder}); stop it, or set MM_HOME to another folder.")
    return lock
