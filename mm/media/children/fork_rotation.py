"""Rotation of fork servers: the one that forks now, and earlier ones that still have children."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.media.children.fork_client import START_SECONDS, ForkClient

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mm.media.children.deadline import Deadline
    from mm.media.sandbox.layers import Sandbox
    from mm.media.types import Limits

CLOSED = "The media reader is closed."


class ForkServerRotation:
    """Starts a server for the first child, and a new one after `limits.requests` forks.

    A new server has a new memory layout; children of the old one may have disclosed theirs. Safe to
    use from several threads.
    """

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox) -> None:
        self._limits, self._decoder, self._sandbox = limits, decoder, sandbox
        self._lock = threading.Lock()
        self._servers: list[ForkClient] = []  # the last one forks
        self._starting: Future[ForkClient] | None = None
        self._is_closed = False
        # Linux kills a process when the *thread* that started it ends: one permanent thread starts
        # the servers.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="mm-media")

    def current(self, name: str, deadline: Deadline) -> ForkClient:
        """The server that forks now; starts one if needed.

        Raises `Unavailable` when none starts, and what `deadline` raises about the file `name`.
        """
        with self._lock:
            if self._is_closed:
                raise Unavailable(CLOSED)
            if self._servers and self._servers[-1].is_alive and self._servers[-1].num_forks < self._limits.requests:
                return self._servers[-1]
            if self._starting is None:
                self._starting = self._starter.submit(ForkClient, self._limits, self._decoder, self._sandbox)
            starting = self._starting
        try:
            server = _wait_for(starting, name, deadline)
        except Unavailable:
            self._finish_start(starting, None)
            raise
        self._finish_start(starting, server)
        return server

    def close(self) -> None:
        """End all servers and their children, one that is starting included."""
        with self._lock:
            self._is_closed = True
            servers, starting = self._servers, self._starting
            self._servers, self._starting = [], None
        for server in servers:
            server.close()
        self._starter.shutdown()
        if starting is not None and starting.exception() is None:
            starting.result().close()

    def _finish_start(self, starting: Future[ForkClient], server: ForkClient | None) -> None:
        """Record the result of a start; only the first thread that waited for it has an effect."""
        with self._lock:
            if self._starting is not starting:
                return
            self._starting = None
            if server is not None:
                for former in self._servers:
                    former.retire()
                self._servers = [former for former in self._servers if former.is_alive] + [server]


def _wait_for(starting: Future[ForkClient], name: str, deadline: Deadline) -> ForkClient:
    while True:
        deadline.check(name)
        try:
            return starting.result(timeout=deadline.limit_wait(START_SECONDS))
        except NotYet:
            if starting.done():
                raise
