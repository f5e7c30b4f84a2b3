"""Fork servers one after the other: the one that forks now, and those before it that have children
still."""

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
    """Starts a server for the first child, and another after `limits.requests` forks. Safe to use
    from several threads.

    A new one has another layout in memory, which children of the old one may have given away.
    """

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox) -> None:
        self._limits, self._decoder, self._sandbox = limits, decoder, sandbox
        self._lock = threading.Lock()
        self._servers: list[ForkClient] = []  # the last one forks
        self._starting: Future[ForkClient] | None = None
        self._closed = False
        # Linux kills a process when the *thread* that started it ends, so one thread that stays
        # starts the servers.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="mm-media")

    def current(self, name: str, deadline: Deadline) -> ForkClient:
        """The server that forks now. Raises `Unavailable` when none starts, and what `deadline`
        raises about the file `name`."""
        with self._lock:
            if self._closed:
                raise Unavailable(CLOSED)
            if self._servers and self._servers[-1].alive and self._servers[-1].forks < self._limits.requests:
                return self._servers[-1]
            if self._starting is None:
                self._starting = self._starter.submit(ForkClient, self._limits, self._decoder, self._sandbox)
            starting = self._starting
        try:
            server = _result(starting, name, deadline)
        except Unavailable:
            self._started(starting, None)
            raise
        self._started(starting, server)
        return server

    def close(self) -> None:
        """End all of them and their children, one that is just starting included. Whoever waits for
        an answer notices."""
        with self._lock:
            self._closed = True
            servers, starting = self._servers, self._starting
            self._servers, self._starting = [], None
        for server in servers:
            server.close()
        self._starter.shutdown()
        if starting is not None and starting.exception() is None:
            starting.result().close()

    def _started(self, starting: Future[ForkClient], server: ForkClient | None) -> None:
        """Note what came of a start, whoever of those that wait for it is the first."""
        with self._lock:
            if self._starting is not starting:
                return
            self._starting = None
            if server is not None:
                for former in self._servers:
                    former.retire()
                self._servers = [former for former in self._servers if former.alive] + [server]


def _result(starting: Future[ForkClient], name: str, deadline: Deadline) -> ForkClient:
    while True:
        deadline.check(name)
        try:
            return starting.result(timeout=deadline.wait(START_SECONDS))
        except NotYet:
            if starting.done():
                raise
