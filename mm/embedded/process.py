"""One supervised process: a group of its own, output to a log, gone with everything it started when
it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
LOG_BYTES = 10 << 20  # size at which a log is put aside before a start
TAIL_BYTES = 8 << 10
HURRY_SECONDS = 0.1  # how often a stop looks whether it is to be cut short


class Process:
    """Started anew as often as needed, with the same command, environment and log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        """`on_end` is called from another thread when the process has ended."""
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self._on_end = on_end
        self._popen: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    def start(self) -> None:
        """Must be called in a thread that lives as long as the process shall: it dies with the
        thread."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(DIE_WITH_PARENT), str(os.getpid()), *self.command],
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._ended = threading.Event()
        waiting = threading.Thread(target=self._wait, args=(self._popen.pid, self._ended), name=f"wait-{self.name}", daemon=True)
        waiting.start()

    def poll_exit_status(self) -> int | None:
        """Exit status once it has ended by itself, negative for a signal; what it left running is
        killed."""
        if self._popen is None or not self._has_ended(self._popen.pid):
            return None
        return self._reap(self._popen)

    def stop(self, seconds: float, hurry: threading.Event) -> None:
        """SIGTERM, then after `seconds`, or when `hurry` is set, SIGKILL to all of its group."""
        if self._popen is None:
            return
        os.kill(self._popen.pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while not self._ended.wait(max(0.0, min(HURRY_SECONDS, end - time.monotonic()))):
            if hurry.is_set() or time.monotonic() >= end:
                break
        self._reap(self._popen)

    def read_last_log_line(self) -> str:
        """The last line that it logged since its start."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, size - TAIL_BYTES))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    @staticmethod
    def _has_ended(pid: int) -> bool:
        """Without reaping it: its group's number stays taken until all of the group is killed."""
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self, pid: int, ended: threading.Event) -> None:
        """Block until the process has ended, without reaping it."""
        with suppress(ChildProcessError):  # reaped meanwhile
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        ended.set()
        self._on_end()

    def _reap(self, popen: subprocess.Popen[bytes]) -> int:
        os.killpg(popen.pid, signal.SIGKILL)
        self._popen = None
        return popen.wait()
