"""The bell: tells workers that there is work. It carries ids only, may get lost, and may ring twice; the catalog is the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from kombu.exceptions import OperationalError

from mm.errors import Unavailable
from mm.settings import Settings
from workers.broker import ENCODE, FINISH, FIRST, LAST, NO_BROKER, PING, PLAN, QUEUE, READ, create_broker

if TYPE_CHECKING:
    from celery import Celery

    from indexes.rows import RingRow


class Bell:
    """Rings for jobs and chunks. Every method raises `Unavailable` within seconds when the broker does not answer.

    Safe to share between threads, not across a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._app: Celery | None = create_broker(settings) if settings.broker_url else None

    def ring_plan(self, job_id: str, *, background: bool = False) -> None:
        """Cut the job's item into chunks. What is in the `background` is heard when nothing else waits."""
        self._send(PLAN, job_id, background=background)

    def ring_encode(self, chunk_pk: int, *, background: bool = False) -> None:
        """Encode one chunk."""
        self._send(ENCODE, chunk_pk, background=background)

    def ring_finish(self, job_id: str, *, background: bool = False) -> None:
        """Make the item searchable, all of its chunks being done."""
        self._send(FINISH, job_id, background=background)

    def ring(self, row: RingRow) -> None:
        """Ring for what the catalog says was lost."""
        if row.what == "plan":
            self.ring_plan(row.job_id, background=row.background)
        elif row.what == "finish":
            self.ring_finish(row.job_id, background=row.background)
        elif row.chunk_pk is not None:
            self.ring_encode(row.chunk_pk, background=row.background)

    def ring_read(self, expires: float) -> None:
        """Read text that was left out, behind all other work; forgotten after `expires` seconds."""
        self._send(READ, expires=expires, background=True)

    def ping(self, expires: float) -> None:
        """Have some worker show that it really executes tasks; forgotten after `expires` seconds."""
        self._send(PING, expires=expires)

    def waiting(self) -> int:
        """How many messages no worker has taken yet."""
        with self._connected() as app, app.connection_for_write() as connection:
            return int(connection.default_channel.queue_declare(queue=QUEUE).message_count)

    def close(self) -> None:
        """Give the connections back."""
        if self._app is not None:
            self._app.close()

    def _send(self, task: str, *args: str | int, expires: float | None = None, background: bool = False) -> None:
        with self._connected() as app:
            app.send_task(task, args=args, expires=expires, retry=False, priority=LAST if background else FIRST)

    @contextmanager
    def _connected(self) -> Iterator[Celery]:
        if self._app is None:
            raise Unavailable(NO_BROKER)
        try:
            yield self._app
        except (OperationalError, OSError) as error:
            raise Unavailable(f"The broker does not answer: {str(error).rstrip('.')}.") from error


@contextmanager
def left_to_the_sweeper() -> Iterator[None]:
    """Around bells that may fail: what could not be rung for now is found in the catalog later."""
    try:
        yield
    except Unavailable as error:
        structlog.get_logger().warning("not rung, the sweeper will", detail=str(error))
