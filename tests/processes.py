"""Processes as seen from outside."""

from __future__ import annotations

from contextlib import suppress

import psutil


def read_command_line(process: psutil.Process) -> list[str]:
    """Return the arguments of a process; none of one that has ended and is not reaped."""
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []
