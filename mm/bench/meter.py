"""Time, processor time and memory of this process and its descendants. Linux only."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

SAMPLE_SECONDS = 0.1
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Measures a block: `seconds`, `cpu` seconds and `peak` bytes (PSS: shared pages count once).

    Includes descendants that end inside the block; those that ran before it count from its start.
    """

    def __init__(self, memory: bool = True) -> None:
        self.seconds = self.cpu = 0.0
        self.peak = 0
        self._memory = memory

    def __enter__(self) -> Meter:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._cpu, self._start = cpu_seconds(), time.perf_counter()
        if self._memory:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._start, cpu_seconds() - self._cpu
        if self._memory:
            self._stop.set()
            self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, memory_bytes())


def cpu_seconds() -> float:
    """Processor time of this process and of its descendants, running or ended and waited for."""
    own = os.times()
    running = sum(_clock_ticks(pid) for pid in list_descendants()) / CLOCK_TICKS
    return own.user + own.system + own.children_user + own.children_system + running


def memory_bytes() -> int:
    """Memory of this process and its running descendants (PSS)."""
    return sum(_pss(pid) for pid in (os.getpid(), *list_descendants()))


def process_bytes(pid: int | None = None) -> int:
    """Memory of one process (PSS), default this one; 0 if it has ended."""
    return _pss(os.getpid() if pid is None else pid)


def list_descendants(of: int | None = None) -> list[int]:
    """Process ids of the running descendants of a process (default: this one)."""
    pids: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{of or os.getpid()}/task").iterdir():
            with suppress(OSError):
                pids += [int(pid) for pid in (thread / "children").read_text().split()]
    return pids + [descendant for child in pids for descendant in list_descendants(child)]


def _clock_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))  # proc(5): utime, stime, cutime, cstime


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
