"""The service's end of a fork server: start it, have it fork children, learn how each of them
ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import mm
from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.media.children.wire import Head
    from mm.media.sandbox.layers import Sandbox
    from mm.media.types import Limits

SERVER = "mm.media.children.fork_server"
START_SECONDS = 60.0
REAP_SECONDS = 0.001  # between two looks at a child that was killed, doubled each time up to
REAP_MOST_SECONDS = 0.05
PASSED_ON = frozenset({"PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "TMPDIR"})
SETTINGS_OF_LIBRARIES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class ForkServerDied(Exception):
    """The fork server is gone, and all of its children with it."""


class ForkClient:
    """One server process. Safe to use from several threads.

    The thread that constructs it must outlive it: Linux kills the process when that thread ends.
    Raises `Unavailable` when it does not start.
    """

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox) -> None:
        self._lock = threading.Lock()
        self._children: set[int] = set()
        self._retired = self._closed = False
        self.forks = 0
        config = {"parent": os.getpid(), "cpu_seconds": limits.cpu_seconds, "decoder": decoder, "sandbox": asdict(sandbox)}
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", SERVER, json.dumps(config)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                env=_environment(),
            )
        try:
            said = self._read()
        except ForkServerDied as died:
            self._close()
            raise Unavailable(f"The decoding child does not start: {died}.") from died
        if "error" in said:
            self._close()
            raise Unavailable(f"The decoding child does not start: {str(said['error']).rstrip('.')}.")

    def fork(self, memory_bytes: int, requests: int, answers: int) -> int:
        """Fork a child that has these two handles and return its process id.

        Raises `ForkServerDied`, and `Unavailable` when no process can be forked."""
        answer = self._ask({"do": "fork", "memory_bytes": memory_bytes}, (requests, answers))
        if "error" in answer:
            raise Unavailable(f"The decoding child does not start: {answer['error']}.")
        pid = int(str(answer["pid"]))
        with self._lock:
            self._children.add(pid)
            self.forks += 1
        return pid

    def kill(self, pid: int) -> None:
        """Make a child die; whoever waits for its answer notices."""
        with suppress(ForkServerDied):
            self._ask({"do": "kill", "pid": pid})

    def status(self, pid: int, seconds: float) -> int | None:
        """How a child ended: its exit status, or less the signal; None when it still runs after so
        many seconds.

        To be called until it gives a status, and never again then. A child dies of SIGKILL when the
        server does.
        """
        end, pause = time.monotonic() + seconds, REAP_SECONDS
        while True:
            try:
                status = self._ask({"do": "status", "pid": pid})["status"]
            except ForkServerDied:
                status = -signal.SIGKILL
            if status is not None:
                self._forget(pid)
                return int(str(status))
            if time.monotonic() > end:
                return None
            time.sleep(pause)
            pause = min(2 * pause, REAP_MOST_SECONDS)

    @property
    def alive(self) -> bool:
        return not self._closed and self._process.poll() is None

    def retire(self) -> None:
        """End it once it has no children any more."""
        with self._lock:
            self._retired = True
            if not self._children:
                self._close()

    def close(self) -> None:
        """End it and all of its children at once. May be called again."""
        with self._lock:
            self._close()

    def _forget(self, pid: int) -> None:
        with self._lock:
            self._children.discard(pid)
            if self._retired and not self._children:
                self._close()

    def _close(self) -> None:
        self._closed = True
        self._process.kill()
        self._process.wait()
        self._control.close()

    def _ask(self, request: Head, handles: Sequence[int] = ()) -> Head:
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(request).encode("ascii") + b"\n"], list(handles))
            except OSError as error:
                raise ForkServerDied("the fork server has ended") from error
            return self._read()

    def _read(self) -> Head:
        line = b""
        while not line.endswith(b"\n"):
            try:
                data = self._control.recv(65_536)
            except OSError as error:
                self._process.kill()  # an answer that comes late would be taken for that to the next request
                raise ForkServerDied("the fork server does not answer") from error
            if not data:
                raise ForkServerDied("the fork server has ended")
            line += data
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


def _environment() -> dict[str, str]:
    """What it needs of ours: no settings, no secrets, and this very package."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    return {**kept, **SETTINGS_OF_LIBRARIES, "PYTHONPATH": str(Path(mm.__file__).parents[1])}
