"""Measures the runtimes of the image tower, once per machine, while a worker is idle."""

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
"""Idle time of a worker before it starts a measurement."""
MAX_TRIES = 3
"""Maximum measurements started by one worker process, interrupted ones included."""
STOP_SECONDS = 5.0
"""Maximum wait for a measurement that was killed."""


class RuntimeMeasurement:
    """Starts and ends the process that measures; used by the thread of the sweeper only.

    The result applies to processes that start later, so that no item is encoded by two runtimes.
    """

    def __init__(
        self,
        settings: Settings,
        start: Callable[[Settings], subprocess.Popen[bytes]] = start_measuring,
        is_due: Callable[[Settings], bool] = can_measure,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._start = start
        self._is_due = is_due
        self._clock = clock
        self._idle_since = clock()
        self._num_tries_left = MAX_TRIES
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a process was started and `step` has not seen it end."""
        return self._process is not None

    def step(self, *, is_idle: bool) -> None:
        """Start a measurement after `IDLE_SECONDS` of idle time, and end it when work arrives.

        Called at each sweep.
        """
        if self._process is not None and self._process.poll() is not None:
            status, self._process = self._process.returncode, None
            structlog.get_logger().info("runtimes measured", status=status)
            self._num_tries_left = 0 if status == 0 else self._num_tries_left
        if not is_idle:
            self._idle_since = self._clock()
            self.close()
        elif self._process is None and self._num_tries_left > 0 and self._clock() - self._idle_since >= IDLE_SECONDS:
            if not self._is_due(self._settings):
                self._num_tries_left = 0
                return
            self._num_tries_left -= 1
            self._process = self._start(self._settings)

    def close(self) -> None:
        """Kill the process, if one runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
