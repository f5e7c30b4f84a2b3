"""kombu's Redis transport for a worker, with one long BRPOP instead of one per second.

Before it closes a channel, kombu waits for the reply to a pending BRPOP, which is why its timeout
is one second. Here CLIENT UNBLOCK ends the BRPOP: the reply is a message or empty, as after a
timeout, so no message is lost.
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
"""Timeout of one BRPOP. A connection without a reply for another 25 s (`health_check_interval` of
kombu) is replaced."""


class Channel(messages.Channel):
    """Channel with the client id of the connection of its BRPOP."""

    _identified_socket: socket | None = None
    _client_id = 0

    def _brpop_start(self, timeout: float | None = None) -> None:
        self._query_client_id()
        super()._brpop_start(timeout)

    def close(self) -> None:
        if self._in_poll and self._client_id:
            self._unblock()
        super().close()

    def _query_client_id(self) -> None:
        """Query the client id of a new connection. Without the right to do so, `close` waits for
        the timeout."""
        connection = self.client.connection
        if connection._sock is None or connection._sock is not self._identified_socket:
            connection.send_command("CLIENT", "ID")
            self._client_id = 0
            with suppress(ResponseError):
                self._client_id = int(connection.read_response())
            self._identified_socket = connection._sock

    def _unblock(self) -> None:
        """End the pending BRPOP. If that fails, its timeout ends it."""
        with suppress(RedisError, OSError), self.conn_or_acquire() as client:
            client.execute_command("CLIENT", "UNBLOCK", self._client_id)


class Transport(messages.Transport):
    """Transport of the main process of a worker."""

    Channel = Channel
    brpop_timeout = BLOCK_SECONDS

    def register_with_event_loop(self, connection: Connection, loop: Hub) -> None:
        super().register_with_event_loop(connection, loop)
        # A timer for expiring queues, once a second. No queue expires here.
        self.cycle._binding_expiry_tref.cancel()
