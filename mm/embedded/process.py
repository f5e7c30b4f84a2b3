"""A supervised process in its own process group, with its output in a log file."""

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
LOG_BYTES = 10 << 20  # size from which a log is renamed at the next start
TAIL_BYTES = 8 << 10
KILL_POLL_SECONDS = 0.1


class Process:
    """A command that can be started repeatedly with the same environment and log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        on_exit: Callable[[], object] = lambda: None,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        """`on_exit` is called in another thread when the process has ended."""
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self._on_exit = on_exit
        self._log_bytes = log_bytes
        self._popen: subprocess.Popen[bytes] | None = None
        self._exited = threading.Event()
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    def start(self) -> None:
        """Start the command. It ends when the calling thread ends (PR_SET_PDEATHSIG)."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > self._log_bytes:
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
        self._exited = threading.Event()
        waiting = threading.Thread(target=self._wait, args=(self._popen.pid, self._exited), name=f"wait-{self.name}", daemon=True)
        waiting.start()

    def poll_exit_status(self) -> int | None:
        """Exit status if the process has ended by itself, negative for a signal; else `None`.

        Kills what is left of the process group.
        """
        if self._popen is None or not self._has_exited(self._popen.pid):
            return None
        return self._reap(self._popen)

    def stop(self, seconds: float, kill_now: threading.Event) -> None:
        """Send SIGTERM; after `seconds`, or once `kill_now` is set, SIGKILL to the group."""
        if self._popen is None:
            return
        os.kill(self._popen.pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while not self._exited.wait(max(0.0, min(KILL_POLL_SECONDS, end - time.monotonic()))):
            if kill_now.is_set() or time.monotonic() >= end:
                break
        self._reap(self._popen)

    def read_last_log_line(self) -> str:
        """The last line that the process has logged since its start, empty if none."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, size - TAIL_BYTES))
                lines = log.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    @staticmethod
    def _has_exited(pid: int) -> bool:
        """Without reaping: the group id stays reserved until the group is killed."""
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self, pid: int, exited: threading.Event) -> None:
        """Block until the process has ended, without reaping it."""
        with suppress(ChildProcessError):  # reaped by another thread
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        exited.set()
        self._on_exit()

    def _reap(self, popen: subprocess.Popen[bytes]) -> int:
        os.killpg(popen.pid, signal.SIGKILL)
        self._popen = None
        return popen.wait()
