"""How Celery talks to the broker: what those who dispatch and those who work must agree on."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from celery import Celery

from mm.errors import InvalidInput, Unavailable
from mm.settings import Settings
from workers.messaging import transport
from workers.messaging.messages import QUEUE

BAD_URL = (
    "MM_BROKER_URL is no redis:// or rediss:// URL, as in redis://:PASSWORD@HOST:6379/0; "
    "in a password, write # as %23, / as %2F, ? as %3F, @ as %40."
)
NO_BROKER = "No broker is set: give MM_BROKER_URL the redis:// URL of Valkey or Redis."

VISIBILITY_SECONDS = 3600
"""After this long without an acknowledgement the broker delivers again. Only a second net: the
lease in the catalog notices a dead worker much earlier, and makes a second delivery of running work
a no-op."""
RESTORE_SECONDS = 60
"""How often a worker looks for such messages."""
CONNECT_SECONDS = 2.0
"""Longest wait for the broker's machine to accept a connection."""
REPLY_SECONDS = 5.0
"""Longest wait for one answer, for those who ring; a worker waits for work as long as it takes."""


def create_broker(settings: Settings, *, consumer: bool = False) -> Celery:
    """A Celery application without tasks. A `consumer` reconnects for ever; others give up after
    one try.

    Raises `Unavailable` if no broker is set, `InvalidInput` for a URL that is none; neither says
    what the URL holds.
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
        # What a dead worker held is looked for at this interval; it is due after
        # VISIBILITY_SECONDS.
        "unacked_restore_interval": RESTORE_SECONDS,
        "unacked_restore_throttle": 1,
    }
    if socket_options := _keepalive():
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
        # Celery wants the visibility timeout in all three places, though no results are stored.
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
    """Whether it can be read, and is of a sort that workers know how to use."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _keepalive() -> dict[int, int]:
    """Socket options with which the kernel notices a dead peer in about half a minute, where it has
    them."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
