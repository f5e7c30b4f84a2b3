"""Celery configuration shared by the processes that dispatch and those that work."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from celery import Celery

from mm.errors import InvalidInput, Unavailable
from mm.settings import Settings
from workers.messaging import transport
from workers.messaging.messages import QUEUE

BAD_URL = (
    "MM_BROKER_URL is not a redis:// or rediss:// URL such as redis://:PASSWORD@HOST:6379/0; "
    "in a password, write # as %23, / as %2F, ? as %3F, @ as %40."
)
NO_BROKER = "No broker is set. Set MM_BROKER_URL to the redis:// URL of Valkey or Redis."

VISIBILITY_SECONDS = 3600
"""Time without an acknowledgement after which a message is delivered again. It is a fallback: a
lease in the catalog expires much earlier after a worker dies, and a second delivery of running work
has no effect."""
RESTORE_SECONDS = 60
"""Interval at which a worker checks for such messages."""
CONNECT_SECONDS = 2.0
"""Maximum wait for a connection to the broker."""
REPLY_SECONDS = 5.0
"""Maximum wait for one reply when dispatching; a worker waits for messages without a limit."""


def create_broker(settings: Settings, *, consumer: bool = False) -> Celery:
    """Create a Celery application without tasks.

    A `consumer` reconnects without a limit; others fail after one attempt. Raises `Unavailable` if
    no broker is set, `InvalidInput` for an invalid URL; neither message contains the URL.
    """
    if not settings.broker_url:
        raise Unavailable(NO_BROKER)
    if not is_broker_url(settings.broker_url):
        raise InvalidInput(BAD_URL)
    app = Celery("mm", set_as_current=False)
    options: dict[str, object] = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        # Interval of the check for messages of dead workers; they are due after
        # VISIBILITY_SECONDS.
        "unacked_restore_interval": RESTORE_SECONDS,
        "unacked_restore_throttle": 1,
    }
    if socket_options := _keepalive_options():
        options["socket_keepalive_options"] = socket_options
    if not consumer:
        options |= {
            "socket_timeout": REPLY_SECONDS,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
        }
    if consumer:
        app.conf.broker_transport = transport.NAME
    app.conf.update(
        broker_url=settings.broker_url,
        broker_transport_options=options,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Celery needs the visibility timeout in all three places, though no results are stored.
        result_backend_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
        visibility_timeout=VISIBILITY_SECONDS,
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_default_queue=QUEUE,
        task_publish_retry=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_log_color=False,
    )
    return app


def is_broker_url(url: str) -> bool:
    """Whether the URL is valid and has a supported scheme."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _keepalive_options() -> dict[int, int]:
    """Socket options to detect a dead peer in about 30 s, as far as the platform has them."""
    options = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in options.items() if hasattr(socket, name)}
