"""Processes as seen from outside."""

from __future__ import annotations

from contextlib import suppress

import psutil


def read_command_line(process: psutil.Process) -> list[str]:
    """Return the arguments of a process; none of one that has ended and is not reaped."""
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []


def is_alive(pid: int) -> bool:
    """Whether a process exists that has not ended."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
