"""Logs of a worker: one logfmt line per event on standard error, also for Celery."""

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
"""Libraries of which only warnings are logged, unless the level is `debug`."""


def bind_job(job: JobRow) -> AbstractContextManager[None]:
    """Add the ids of the job and of its request to every line logged inside the context."""
    return structlog.contextvars.bound_contextvars(job=job.id, request_id=job.request_id or "none")


def configure_logs(level: str) -> None:
    """Configure structlog and the standard library to log in the same format.

    The lines are written by `logging`, whose locks survive a fork.
    """
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
    level_number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=level_number, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else max(level_number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
