"""kombu's Redis transport for a worker: it waits for messages in one long BRPOP instead of asking
anew each second.

kombu waits for the reply to a BRPOP that is under way before it closes a channel, which is why its
timeout is one second. Here a command ends it (CLIENT UNBLOCK): the reply is a message
or nothing, as after the timeout, so none is lost.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError, ResponseError

from workers.messaging import messages

if TYPE_CHECKING:
    from socket import socket

    from kombu.asynchronous import Hub
    from kombu.connection import Connection

NAME = f"{__name__}:Transport"
"""For Celery's `broker_transport`."""
BLOCK_SECONDS = 30
"""Of one BRPOP. A connection that gives no reply for 25 s longer (kombu's `health_check_interval`)
is made anew."""


class Channel(messages.Channel):
    """Knows the number that the broker gave to the connection of its BRPOP."""

    _numbered: socket | None = None
    _number = 0

    def _brpop_start(self, timeout: float | None = None) -> None:
        self._ask_number()
        super()._brpop_start(timeout)

    def close(self) -> None:
        if self._in_poll and self._number:
            self._unblock()
        super().close()

    def _ask_number(self) -> None:
        """Ask for the number of a connection that is new. A broker may refuse to tell it: then a
        stop waits for the timeout."""
        connection = self.client.connection
        if connection._sock is None or connection._sock is not self._numbered:
            connection.send_command("CLIENT", "ID")
            self._number = 0
            with suppress(ResponseError):
                self._number = int(connection.read_response())
            self._numbered = connection._sock

    def _unblock(self) -> None:
        """End the BRPOP that is under way. Where that fails, its timeout does."""
        with suppress(RedisError, OSError), self.conn_or_acquire() as client:
            client.execute_command("CLIENT", "UNBLOCK", self._number)


class Transport(messages.Transport):
    """Of the main process of a worker."""

    Channel = Channel
    brpop_timeout = BLOCK_SECONDS

    def register_with_event_loop(self, connection: Connection, loop: Hub) -> None:
        super().register_with_event_loop(connection, loop)
        # Once a second, for queues that expire. None does here.
        self.cycle._binding_expiry_tref.cancel()
