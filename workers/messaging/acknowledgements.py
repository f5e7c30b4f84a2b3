"""Releases the place of a message in kombu even if its acknowledgement fails.

A worker takes at most one message ahead (`worker_prefetch_multiplier`), and kombu counts a message
as held until its acknowledgement has reached the broker. If the broker is unavailable at that
moment, Celery logs it and continues, but the count stays: the worker never requests work again, and
does not detect that its connection is lost. Here the place is released whatever the result of the
acknowledgement: a message that is delivered twice is harmless.
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
