"""The dispatcher: sends messages that work units are due.

A message names no work; the scheduling order in the catalog determines the next work unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import OutOfMemoryError, RedisError

from mm.errors import Unavailable
from mm.settings import Settings
from workers.messaging.broker import NO_BROKER, create_broker
from workers.messaging.messages import CAPTION, PING, QUEUE, READ, WORK

if TYPE_CHECKING:
    from celery import Celery

OUT_OF_MEMORY = (
    "The broker has no memory left for messages (maxmemory of Valkey). Dispatch again after workers have received some."
)


class Dispatcher:
    """Sends messages to workers.

    Each method raises `Unavailable` within seconds when the broker does not accept a message. Safe
    to share between threads, not across a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._app: Celery | None = create_broker(settings) if settings.broker_url else None

    def dispatch(self, count: int = 1) -> None:
        """Send messages for `count` work units. A lost or repeated message is harmless."""
        for _ in range(count):
            self._send(WORK)

    def dispatch_text_reading(self, expires: float) -> None:
        """Request deferred text recognition from one worker; expires after `expires` seconds."""
        self._send(READ, expires=expires)

    def dispatch_captioning(self, expires: float) -> None:
        """Request captions from one worker; expires after `expires` seconds."""
        self._send(CAPTION, expires=expires)

    def ping(self, expires: float) -> None:
        """Request a heartbeat from one worker; expires after `expires` seconds."""
        self._send(PING, expires=expires)

    def count_waiting(self) -> int:
        """Count the messages that no worker has received yet."""
        with self._connected() as app, app.connection_for_write() as connection:
            return int(connection.default_channel.queue_declare(queue=QUEUE).message_count)

    def close(self) -> None:
        """Release the connections."""
        if self._app is not None:
            self._app.close()

    def _send(self, task: str, *, expires: float | None = None) -> None:
        with self._connected() as app:
            app.send_task(task, expires=expires, retry=False)

    @contextmanager
    def _connected(self) -> Iterator[Celery]:
        if self._app is None:
            raise Unavailable(NO_BROKER)
        try:
            yield self._app
        except OutOfMemoryError as error:
            raise Unavailable(OUT_OF_MEMORY) from error
        except (OperationalError, OSError, RedisError) as error:
            if isinstance(error.__cause__, OutOfMemoryError):
                raise Unavailable(OUT_OF_MEMORY) from error
            raise Unavailable(f"The broker does not respond: {str(error).rstrip('.')}.") from error


@contextmanager
def tolerate_broker_failure() -> Iterator[None]:
    """Log a failure to dispatch instead of raising it: the sweeper dispatches the work later."""
    try:
        yield
    except Unavailable as error:
        structlog.get_logger().warning("not dispatched, the sweeper will", detail=str(error))
