"""Client of a fork server: start it, have it fork children, and read how each child ended."""

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
MIN_POLL_SECONDS = 0.001  # between two status queries about a child, doubled each time up to the maximum
MAX_POLL_SECONDS = 0.05
INHERITED_VARIABLES = frozenset({"PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "TMPDIR"})
LIBRARY_VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class ForkServerDied(Exception):
    """The fork server has ended, and with it all of its children."""


class ForkClient:
    """Starts and controls one fork server. Safe to use from several threads.

    The thread that constructs it must outlive it: Linux kills the server when that thread ends.
    Raises `Unavailable` when the server does not start.
    """

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox) -> None:
        self._lock = threading.Lock()
        self._children: set[int] = set()
        self._is_retired = self._is_closed = False
        self.num_forks = 0
        config = {"parent": os.getpid(), "cpu_seconds": limits.cpu_seconds, "decoder": decoder, "sandbox": asdict(sandbox)}
        self._control, server_control = socket.socketpair()
        self._control.settimeout(START_SECONDS)
        with server_control:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", SERVER, json.dumps(config)],
                stdin=server_control.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                env=_environment(),
            )
        try:
            response = self._read()
        except ForkServerDied as died:
            self._close()
            raise Unavailable(f"The decoding child does not start: {died}.") from died
        if "error" in response:
            self._close()
            raise Unavailable(f"The decoding child does not start: {str(response['error']).rstrip('.')}.")

    def fork(self, memory_bytes: int, requests: int, responses: int) -> int:
        """Fork a child that has these two descriptors and return its process id.

        Raises `ForkServerDied`, and `Unavailable` when no process can be forked.
        """
        response = self._request({"do": "fork", "memory_bytes": memory_bytes}, (requests, responses))
        if "error" in response:
            raise Unavailable(f"The decoding child does not start: {response['error']}.")
        pid = int(str(response["pid"]))
        with self._lock:
            self._children.add(pid)
            self.num_forks += 1
        return pid

    def kill(self, pid: int) -> None:
        """Kill a child without waiting for its exit."""
        with suppress(ForkServerDied):
            self._request({"do": "kill", "pid": pid})

    def wait(self, pid: int, seconds: float) -> int | None:
        """Wait for the exit of a child: its exit status, or -signal; None after so many seconds.

        Must be called until it returns a status, and not again after that. When the server dies,
        its children die of SIGKILL.
        """
        end, pause = time.monotonic() + seconds, MIN_POLL_SECONDS
        while True:
            try:
                status = self._request({"do": "status", "pid": pid})["status"]
            except ForkServerDied:
                status = -signal.SIGKILL
            if status is not None:
                self._remove(pid)
                return int(str(status))
            if time.monotonic() > end:
                return None
            time.sleep(pause)
            pause = min(2 * pause, MAX_POLL_SECONDS)

    @property
    def is_alive(self) -> bool:
        return not self._is_closed and self._process.poll() is None

    def retire(self) -> None:
        """End the server as soon as it has no children."""
        with self._lock:
            self._is_retired = True
            if not self._children:
                self._close()

    def close(self) -> None:
        """End the server and all of its children at once. May be called again."""
        with self._lock:
            self._close()

    def _remove(self, pid: int) -> None:
        with self._lock:
            self._children.discard(pid)
            if self._is_retired and not self._children:
                self._close()

    def _close(self) -> None:
        self._is_closed = True
        self._process.kill()
        self._process.wait()
        self._control.close()

    def _request(self, request: Head, handles: Sequence[int] = ()) -> Head:
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
                self._process.kill()  # a late response would be taken for that to the next request
                raise ForkServerDied("the fork server does not respond") from error
            if not data:
                raise ForkServerDied("the fork server has ended")
            line += data
        response = json.loads(line)
        assert isinstance(response, dict)
        return response


def _environment() -> dict[str, str]:
    """Environment of the server: no settings, no secrets, and the path of this package."""
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED_VARIABLES}
    return {**inherited, **LIBRARY_VARIABLES, "PYTHONPATH": str(Path(mm.__file__).parents[1])}
