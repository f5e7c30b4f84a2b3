"""Logs of a worker: one line of key=value an event on standard error, Celery's own messages
included."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import structlog
from structlog.typing import Processor

if TYPE_CHECKING:
    from indexes.catalog.records import JobRow

_QUIET = ("celery", "kombu", "amqp", "alembic")
"""Libraries whose chatter is left out unless everything is wanted."""


def bind_job(job: JobRow) -> AbstractContextManager[None]:
    """Inside, every line that is logged names the job and the request that brought it."""
    return structlog.contextvars.bound_contextvars(job=job.id, request_id=job.request_id or "none")


def configure_logs(level: str) -> None:
    """Send structlog and the standard library the same way. Locks of `logging` survive a fork, so
    it carries the lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    render: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.LogfmtRenderer(bool_as_flag=False),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=render))
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
