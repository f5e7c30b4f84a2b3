"""Processor time and memory of a process with all that it started, while something is done."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

SAMPLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Usage:
    """What a stretch of work took. `pss` is the most that all processes held together, shared pages
    counted once."""

    wall: float  # seconds
    cpu: float  # seconds, all processes
    pss: int  # bytes


class ProcessMeter:
    """Looks at the family of a process for as long as the `with` block lasts; `used` is known
    behind it."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.used = Usage(0.0, 0.0, 0)

    def __enter__(self) -> Self:
        self._begin, self._cpu = time.perf_counter(), self._cpu_seconds()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        wall, cpu = time.perf_counter() - self._begin, self._cpu_seconds() - self._cpu
        self._done.set()
        self._thread.join()
        self.used = Usage(wall, cpu, self._peak)

    def _look(self) -> None:
        while True:
            self._peak = max(self._peak, sum(map(_pss, self._family())))
            if self._done.wait(SAMPLE_SECONDS):
                return

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def _cpu_seconds(self) -> float:
        """Of those that live, and of those that they have seen end."""
        total = 0.0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total


def _pss(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_full_info().pss)
    return 0
