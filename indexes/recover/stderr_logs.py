"""Log configuration of commands that print a document on standard output."""

from __future__ import annotations

import sys

import structlog


def log_to_stderr() -> None:
    """Write all log lines of this process to standard error, as `key=value` fields."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
