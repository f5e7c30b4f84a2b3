"""Names of processes that hold leases, so that the lease of one that was killed is free at once.

A name holds the boot of the machine and its process namespace, the process and its start. Names of
other machines and containers, and names on a system without `/proc`, count as running: their leases
end by time.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_PROC = Path("/proc")
_FIELDS = 5
_START_TIME = 19
"""Of the fields of `/proc/PID/stat` after the name of the program; proc(5): starttime."""


def describe_owner() -> str:
    """A name for this process and one piece of its work."""
    pid = os.getpid()
    return ":".join([*_describe_machine(), str(pid), _read_start(pid) or "", secrets.token_hex(4)])


def is_gone(owner: str) -> bool:
    """Whether the owner is a process of this machine that has ended; False if that is unknown."""
    fields = owner.split(":")
    if len(fields) != _FIELDS or fields[:2] != _describe_machine() or "" in fields:
        return False
    return _read_start(int(fields[2])) != fields[3]


def _describe_machine() -> list[str]:
    """Boot and process namespace; empty where they cannot be read."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return [boot, _PROC.joinpath("self/ns/pid").readlink().name.strip("pid:[]")]
    except OSError:
        return ["", ""]


def _read_start(pid: int) -> str | None:
    """Time of the start in clock ticks since the boot; None for a process that has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[_START_TIME]  # a zombie does no work
