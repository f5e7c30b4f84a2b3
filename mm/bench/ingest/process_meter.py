"""Processor time and memory of another process and its descendants."""

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
    """Resources of one measurement; `pss` counts shared pages once."""

    wall: float  # seconds
    cpu: float  # seconds, all processes
    pss: int  # peak of the sum over all processes, bytes


class ProcessMeter:
    """Measures a process tree for as long as the `with` block lasts; `usage` is set at its end."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="process-meter", daemon=True)
        self.usage = Usage(0.0, 0.0, 0)

    def __enter__(self) -> Self:
        self._start, self._cpu = time.perf_counter(), self._cpu_seconds()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        wall, cpu = time.perf_counter() - self._start, self._cpu_seconds() - self._cpu
        self._done.set()
        self._thread.join()
        self.usage = Usage(wall, cpu, self._peak)

    def _sample(self) -> None:
        while True:
            self._peak = max(self._peak, sum(map(_pss, self._tree())))
            if self._done.wait(SAMPLE_SECONDS):
                return

    def _tree(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def _cpu_seconds(self) -> float:
        """Of the running processes and of their children that have ended."""
        total = 0.0
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total


def _pss(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_full_info().pss)
    return 0
