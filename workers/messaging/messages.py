"""The messages of workers, and a transport that drops and logs malformed ones.

Without it, a malformed message ends kombu or Celery. No work is lost with a dropped message: it
names none, and the sweeper sends new messages for work that is due.
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime
from typing import TypedDict

import structlog
from kombu.transport import redis
from redis.exceptions import OutOfMemoryError

QUEUE = "mm"
WORK = "mm.work"
READ = "mm.read"
CAPTION = "mm.caption"
PING = "mm.ping"
TASKS = (WORK, READ, CAPTION, PING)

MAX_LOGGED_CHARS = 200
"""Maximum logged characters of a reason."""
_BODY = base64.b64encode(json.dumps([[], {}, {}]).encode()).decode()  # no arguments


Message = TypedDict(
    "Message",
    {"body": str, "headers": dict[str, object], "properties": dict[str, object], "content-type": str, "content-encoding": str},
)
"""A message as kombu passes it to Celery."""


def sanitize_message(message: object) -> Message:
    """Build a message from the task, the id and the expiry of `message`.

    All other fields get safe values. Raises `ValueError` when `message` is not one of a worker.
    """
    headers = message.get("headers") if isinstance(message, dict) else None
    if not isinstance(headers, dict):
        raise ValueError("it has no headers")
    task, task_id, expires = (headers.get(name) for name in ("task", "id", "expires"))
    if task not in TASKS:
        raise ValueError(f"unknown task {str(task)[:MAX_LOGGED_CHARS]!r}")
    if not isinstance(task_id, str) or not (expires is None or isinstance(expires, str)):
        raise ValueError("its id or its expiry is not a string")
    if expires is not None and datetime.fromisoformat(expires).tzinfo is None:
        raise ValueError("its expiry has no time zone")
    return _message(str(task), str(uuid.UUID(task_id)), expires)


def _message(task: str, task_id: str, expires: str | None) -> Message:
    headers: dict[str, object] = {"lang": "py", "task": task, "id": task_id, "root_id": task_id, "expires": expires}
    return {
        "body": _BODY,
        "headers": {**headers, "retries": 0, "timelimit": [None, None]},
        "properties": {
            "correlation_id": task_id,
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "delivery_mode": 2,
            "priority": 0,
            "body_encoding": "base64",
        },
        "content-type": "application/json",
        "content-encoding": "utf-8",
    }


class Channel(redis.Channel):  # type: ignore[misc]
    """Drops messages that are not JSON, and reads from a broker without free memory."""

    def _queue_bind(self, *args: object) -> None:
        """Bind the queue, unless the broker has no memory: reading needs no binding."""
        try:
            super()._queue_bind(*args)
        except OutOfMemoryError as error:
            structlog.get_logger().warning("the broker has no memory left (maxmemory of Valkey)", detail=str(error))

    def _brpop_read(self, **options: object) -> bool:
        try:
            return bool(super()._brpop_read(**options))
        except (ValueError, RecursionError) as error:
            _log_dropped(error)
            return True


class Transport(redis.Transport):  # type: ignore[misc]
    """Drops malformed messages, and those that a broker without memory cannot mark as delivered."""

    def _deliver(self, message: object, queue: str) -> None:
        try:
            super()._deliver(sanitize_message(message), queue)
        except (ValueError, OutOfMemoryError) as error:
            _log_dropped(error)


def _log_dropped(error: Exception) -> None:
    if isinstance(error, OutOfMemoryError):
        structlog.get_logger().error("message dropped: the broker has no memory left (maxmemory of Valkey)")
    else:
        structlog.get_logger().error(
            "message dropped: it cannot be read", reason=f"{type(error).__name__}: {error}"[:MAX_LOGGED_CHARS]
        )
