"""Sends messages to child processes from a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from mm.generation.process.messages import FromChild, ToChild


class _Unsent(NamedTuple):
    connection: Connection[ToChild, FromChild]
    message: memoryview
    """As `Connection.send` would send it."""


class Sender:
    """A pipe holds some hundred kilobytes, and the child reads it between two steps. An event loop
    that sent a message itself would stop for the rest of the step."""

    def __init__(self) -> None:
        self._unsent: queue.SimpleQueue[_Unsent | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # held while a message is sent, and while a connection is closed
        self._thread = threading.Thread(target=self._run, name="engine sender", daemon=True)
        self._thread.start()

    def send(self, connection: Connection[ToChild, FromChild], message: ToChild) -> None:
        """Queue a message, in order. Never blocks; nothing happens when the child has ended."""
        self._unsent.put(_Unsent(connection, ForkingPickler.dumps(message)))

    def close_connection(self, connection: Connection[ToChild, FromChild]) -> None:
        """Close the connection to a child that has ended."""
        with self._lock:
            connection.close()

    def close(self) -> None:
        """End the thread when it has sent what is queued. The last child must have ended."""
        self._unsent.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (unsent := self._unsent.get()) is not None:
            with self._lock, contextlib.suppress(OSError):  # the child has ended, which its supervisor notices
                unsent.connection.send_bytes(unsent.message)
