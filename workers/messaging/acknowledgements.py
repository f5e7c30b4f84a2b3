"""Patch of kombu's Redis transport: a failed acknowledgement frees its prefetch slot.

A worker prefetches at most one message (`worker_prefetch_multiplier`), and kombu counts a message
as unacknowledged until its acknowledgement has reached the broker. If the broker is unreachable at
that time, Celery logs the error and continues, but the count stays. The worker then never requests
messages again and does not detect that its connection is lost (celery #10302). With the patch the
slot is free after a failed acknowledgement too; a message that is delivered twice is harmless.
"""

from __future__ import annotations

import structlog
from kombu.transport import redis, virtual
from redis.exceptions import OutOfMemoryError


class QoS(redis.QoS):  # type: ignore[misc]
    """Quality of service of a channel of a worker, with slots that a failure frees."""

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
        """Requeue messages of dead workers. If the broker is full or an entry is malformed, the
        sweeper dispatches the work instead."""
        try:
            super().restore_visible(start, num, interval)
        except (OutOfMemoryError, ValueError, TypeError, LookupError) as error:
            structlog.get_logger().warning("messages of dead workers not requeued", reason=type(error).__name__)


def patch_kombu_acknowledgements() -> None:
    """Install the patch for all channels of this process."""
    redis.Channel.QoS = QoS
