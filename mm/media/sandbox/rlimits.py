"""Limits that a decoding child sets on itself before it reads a byte from outside."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

OPEN_FILES = 32
CPU_GRACE = 10  # s between the signal that tells of too much processor time and the one that cannot be survived
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with(parent: int) -> None:
    """Be killed when the thread of process `parent` that started this one ends. Linux only:
    elsewhere the closed pipe tells."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)


def apply_rlimits(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound the memory beyond what is mapped now and the processor time, and forbid to write files
    and to dump cores.

    Where the system does not tell how much is mapped, memory stays unbounded: only Linux does.
    """
    mapped = mapped_bytes()
    memory = mapped + memory_bytes if mapped else resource.RLIM_INFINITY
    for limit, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + CPU_GRACE),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
    ):
        _, most = resource.getrlimit(limit)
        resource.setrlimit(limit, (_lower(soft, most), _lower(hard, most)))


def _lower(a: int, b: int) -> int:
    """The stricter of two limits."""
    if resource.RLIM_INFINITY in {a, b}:
        return a if b == resource.RLIM_INFINITY else b
    return min(a, b)


def mapped_bytes() -> int:
    """Address space of this process; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def used_cpu_seconds() -> float:
    """Processor time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
