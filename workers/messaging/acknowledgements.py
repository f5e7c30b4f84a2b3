"""Mends what makes a Celery worker on Redis deaf: an acknowledgement that fails for good still
holds its place.

A worker takes at most one message ahead (`worker_prefetch_multiplier`), and kombu counts a message
as held until its acknowledgement has reached the broker. If the broker is away in that moment,
Celery logs it and goes on, but the count stays, so that the worker never asks for work again; as it
does not ask, it does not see that the connection is gone either. Here the place is free whatever
becomes of the acknowledgement: a message that comes twice does no harm.
"""

from __future__ import annotations

import structlog
from kombu.transport import redis, virtual
from redis.exceptions import OutOfMemoryError


class QoS(redis.QoS):  # type: ignore[misc]
    """Of a channel of a worker."""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def restore_visible(self, start: int = 0, num: int = 10, interval: int = 10) -> None:
        """Sends again what a dead worker had taken. Where the broker is full or holds what is no
        message, the sweeper does."""
        try:
            super().restore_visible(start, num, interval)
        except (OutOfMemoryError, ValueError, TypeError, LookupError) as error:
            structlog.get_logger().warning("messages of dead workers are not sent again", reason=type(error).__name__)


def patch_kombu_acknowledgements() -> None:
    """From now on, for all channels of this process."""
    redis.Channel.QoS = QoS
