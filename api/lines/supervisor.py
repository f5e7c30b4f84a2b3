"""Starts, restarts and ends the processes of the lines of one home folder."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import structlog

from mm.embedded.backoff import Backoff
from mm.embedded.environment import build_environment
from mm.embedded.home_lock import HomeLock
from mm.embedded.process import Process
from mm.errors import MMError
from mm.line.store import PERMANENT_EXIT, LineStore

if TYPE_CHECKING:
    from mm.settings import Settings

log = structlog.get_logger()
POLL_SECONDS = 2.0
"""Interval at which changes by other processes of the API are read."""
STOP_SECONDS = 6.0
"""From SIGTERM to SIGKILL, which loses no part either."""
LOCK = "lines"


class LineSupervisor:
    """Runs the started lines; of several processes of the API the one that holds the lock does.

    All processes are started by one thread: the kernel ends a process with the thread that started
    it.
    """

    def __init__(self, settings: Settings, backoff: Backoff | None = None, poll_seconds: float = POLL_SECONDS) -> None:
        self.store = LineStore(settings.root)
        self._settings, self._backoff, self._poll_seconds = settings, backoff or Backoff(), poll_seconds
        self._lock = HomeLock(settings.root, LOCK)
        self._processes: dict[str, Process] = {}
        self._waiting: set[str] = set()
        """Lines whose restart is due later."""
        self._wake, self._changed, self._stopping = threading.Event(), threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def update(self) -> None:
        """Apply a change of the store soon."""
        self._wake.set()

    def wait_stopped(self, name: str, seconds: float) -> bool:
        """Wait until this process runs no process of a line; False after so many seconds."""
        self._wake.set()
        with self._changed:
            return self._changed.wait_for(lambda: name not in self._processes, seconds)

    def pid(self, name: str) -> int | None:
        """Process id of a line, None if it does not run here."""
        process = self._processes.get(name)
        return None if process is None else process.pid

    def last_log_line(self, name: str) -> str | None:
        """What a process of a line reported last; None if none was started here."""
        process = self._processes.get(name)
        return None if process is None else process.read_last_log_line() or None

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    if self._lock.try_exclusive():
                        self._apply()
                except Exception:  # lines must not end because one of them cannot be read or started
                    log.exception("supervision of the lines failed")
                due = self._backoff.seconds_until_due(time.monotonic())
                self._wake.wait(self._poll_seconds if due is None else min(due, self._poll_seconds))
                self._wake.clear()
        finally:
            self._stop_all(list(self._processes))
            self._lock.release()

    def _apply(self) -> None:
        for name, process in list(self._processes.items()):
            status = process.poll_exit_status() if process.pid is not None else None
            if status is not None:
                self._handle_exit(name, process, status)
        started = {name for name in self.store.list_names() if self._is_started(name)}
        self._stop_all([name for name in self._processes if name not in started])
        due = set(self._backoff.list_due(time.monotonic()))
        for name in sorted(started):
            if name not in self._processes:
                self._start(name)
            elif name in self._waiting and name in due:
                self._waiting.discard(name)
                self._processes[name].start()
                self._backoff.record_start(name, time.monotonic())

    def _is_started(self, name: str) -> bool:
        with suppress(MMError):  # deleted since, or damaged
            return self.store.read(name).is_started
        return False

    def _start(self, name: str) -> None:
        command = [sys.executable, "-P", "-m", "mm.line", name]
        process = Process(
            name,
            command,
            build_environment(self._settings),
            self._settings.root / "log" / f"line-{name}.log",
            self._wake.set,
        )
        self._processes[name] = process
        process.start()
        log.info("line started", line=name, pid=process.pid)

    def _handle_exit(self, name: str, process: Process, status: int) -> None:
        last = process.read_last_log_line() if status else ""
        if status in {0, PERMANENT_EXIT}:
            log.info("line ended", line=name, status=status, detail=last)
            with suppress(MMError):
                self.store.set_started(name, is_started=False, has_ended=not status, error=last or None)
            self._remove(name)
            return
        delay = self._backoff.record_exit(name, time.monotonic())
        self._waiting.add(name)
        log.warning("line exited, it restarts", line=name, status=status, detail=last, seconds=delay)

    def _stop_all(self, names: list[str]) -> None:
        for name in names:
            if (pid := self._processes[name].pid) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        end, never = time.monotonic() + STOP_SECONDS, threading.Event()
        for name in names:
            self._processes[name].stop(max(0.0, end - time.monotonic()), never)
            log.info("line stopped", line=name)
            self._remove(name)

    def _remove(self, name: str) -> None:
        with self._changed:
            self._processes.pop(name, None)
            if name in self._waiting:
                self._waiting.discard(name)
                self._backoff.record_start(name, time.monotonic())
            self._changed.notify_all()
