"""The dispatcher: tells workers that there is work. A message names no work; the catalog says what
is next."""

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
from workers.messaging.messages import PING, QUEUE, READ, WORK

if TYPE_CHECKING:
    from celery import Celery

FULL = "The broker has no memory left for messages; work goes on when workers have taken some (maxmemory of Valkey)."


class Dispatcher:
    """Sends messages to workers. Every method raises `Unavailable` within seconds when the broker
    does not take them.

    Safe to share between threads, not across a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._app: Celery | None = create_broker(settings) if settings.broker_url else None

    def dispatch(self, count: int = 1) -> None:
        """Have workers take `count` turns. A message may be lost or come twice without harm."""
        for _ in range(count):
            self._send(WORK)

    def dispatch_text_reading(self, expires: float) -> None:
        """Have a worker read text that was left out; forgotten after `expires` seconds."""
        self._send(READ, expires=expires)

    def ping(self, expires: float) -> None:
        """Have some worker show that it really executes tasks; forgotten after `expires`
        seconds."""
        self._send(PING, expires=expires)

    def count_waiting(self) -> int:
        """How many messages no worker has taken yet."""
        with self._connected() as app, app.connection_for_write() as connection:
            return int(connection.default_channel.queue_declare(queue=QUEUE).message_count)

    def close(self) -> None:
        """Give the connections back."""
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
            raise Unavailable(FULL) from error
        except (OperationalError, OSError, RedisError) as error:
            if isinstance(error.__cause__, OutOfMemoryError):
                raise Unavailable(FULL) from error
            raise Unavailable(f"The broker does not answer: {str(error).rstrip('.')}.") from error


@contextmanager
def tolerate_broker_failure() -> Iterator[None]:
    """Around messages that may fail: the sweeper sends those that could not be sent."""
    try:
        yield
    except Unavailable as error:
        structlog.get_logger().warning("not dispatched, the sweeper will", detail=str(error))
