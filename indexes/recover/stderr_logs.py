"""Logs of the commands whose standard output is a document."""

from __future__ import annotations

import sys

import structlog


def log_to_stderr() -> None:
    """Have every log line of this process on standard error, as one line of `key=value`."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
