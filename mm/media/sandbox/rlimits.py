"""Resource limits that a decoding child sets on itself before it reads untrusted bytes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

MAX_OPEN_FILES = 32
CPU_GRACE = 10  # seconds between SIGXCPU, the soft limit of processor time, and SIGKILL, the hard one
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(parent: int) -> None:
    """Have this process killed when the thread of process `parent` that started it ends.

    Linux only. On other systems the process ends when its pipe is closed.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)


def apply_rlimits(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit memory beyond what is mapped now and processor time; forbid file writes and core dumps.

    Memory stays unlimited where the system does not report how much is mapped: only Linux does.
    """
    mapped = mapped_bytes()
    memory = mapped + memory_bytes if mapped else resource.RLIM_INFINITY
    for limit, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + CPU_GRACE),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
    ):
        _, current_hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (_lower(soft, current_hard), _lower(hard, current_hard)))


def _lower(a: int, b: int) -> int:
    """The stricter of two limits."""
    if resource.RLIM_INFINITY in {a, b}:
        return a if b == resource.RLIM_INFINITY else b
    return min(a, b)


def mapped_bytes() -> int:
    """Address space of this process in bytes; 0 where the system does not report it."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def used_cpu_seconds() -> float:
    """Processor time of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
