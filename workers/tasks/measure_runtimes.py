"""Has the runtimes of the image tower measured, once a machine, while a worker has nothing else to
do."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Self

import structlog

from mm.spaces.measure import can_measure, start_measuring

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.settings import Settings

IDLE_SECONDS = 60.0
"""How long a worker has nothing to do before it measures."""
MAX_TRIES = 3
"""Processes that are started by one worker process; one that work interrupts counts."""
STOP_SECONDS = 5.0


class RuntimeMeasurement:
    """Used by the sweeper's thread alone. What is measured holds for workers and services that
    start later, so that no item is encoded by two runtimes."""

    def __init__(
        self,
        settings: Settings,
        start: Callable[[Settings], subprocess.Popen[bytes]] = start_measuring,
        due: Callable[[Settings], bool] = can_measure,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._start = start
        self._due = due
        self._clock = clock
        self._idle_since = clock()
        self._left = MAX_TRIES
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a process was started and has not been seen to end."""
        return self._process is not None

    def step(self, *, idle: bool) -> None:
        """Called now and then: begins when the worker was `idle` for a while, ends the process when
        it is not any more."""
        if self._process is not None and self._process.poll() is not None:
            status, self._process = self._process.returncode, None
            structlog.get_logger().info("runtimes measured", status=status)
            self._left = 0 if status == 0 else self._left
        if not idle:
            self._idle_since = self._clock()
            self.close()
        elif self._process is None and self._left > 0 and self._clock() - self._idle_since >= IDLE_SECONDS:
            if not self._due(self._settings):
                self._left = 0
                return
            self._left -= 1
            self._process = self._start(self._settings)

    def close(self) -> None:
        """End the process, if one runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
