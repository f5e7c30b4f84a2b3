"""Time, processor time and memory of a stretch of work, this process and its children together.
Linux only."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

EVERY = 0.1  # s between two looks at the memory
TICK = os.sysconf("SC_CLK_TCK")


class Meter:
    """`seconds` passed, `cpu` seconds used, `peak` bytes held (PSS, so that shared pages count
    once) within the block.

    Children that end inside the block are counted, those that were there before it are counted from
    its start.
    """

    def __init__(self, memory: bool = True) -> None:
        self.seconds = self.cpu = 0.0
        self.peak = 0
        self._memory = memory

    def __enter__(self) -> Meter:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu, self._start = cpu_seconds(), time.perf_counter()
        if self._memory:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._start, cpu_seconds() - self._cpu
        if self._memory:
            self._stop.set()
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            self.peak = max(self.peak, sum(_pss(pid) for pid in (os.getpid(), *children())))


def cpu_seconds() -> float:
    """Processor time of this process and of its descendants, those that ended and were waited for
    and those that live."""
    ours = os.times()
    return ours.user + ours.system + ours.children_user + ours.children_system + sum(_ticks(pid) for pid in children()) / TICK


def children(of: int | None = None) -> list[int]:
    """Living descendants of a process, of this one by default, whichever thread started them."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{of or os.getpid()}/task").iterdir():
            with suppress(OSError):
                found += [int(pid) for pid in (thread / "children").read_text().split()]
    return found + [descendant for child in found for descendant in children(child)]


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))  # proc(5): its own time in user and kernel mode, and that of children it waited for


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
