"""An engine process that runs while it is used: started by the first request, ended when idle."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.generation.process import EngineProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.generation.engine import Engine


class LazyEngine:
    """Safe to use from several threads. Users call `acquire` and, once for each, `release`."""

    def __init__(self, make_engine: Callable[[], Engine], idle_seconds: float) -> None:
        """`make_engine` as in `EngineProcess`."""
        self._make_engine = make_engine
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()  # held while the process starts or ends
        self._process: EngineProcess | None = None
        self._num_users = 0
        self._timer: threading.Timer | None = None
        self._is_closed = False

    @property
    def process(self) -> EngineProcess | None:
        """The running process, None while there is none."""
        return self._process

    def acquire(self) -> EngineProcess:
        """The running process; starts it, which takes seconds. Raises `Unavailable`."""
        with self._lock:
            if self._is_closed:
                raise Unavailable("The service is stopping.")
            self._cancel_timer()
            if self._process is None:
                self._process = EngineProcess(self._make_engine).__enter__()
            self._num_users += 1
            return self._process

    def release(self) -> None:
        """End one use. The process ends `idle_seconds` after the last one."""
        with self._lock:
            self._num_users -= 1
            if not self._num_users and not self._is_closed:
                self._timer = threading.Timer(self._idle_seconds, self._end_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """End the process. Requests in flight end with `GenerationInterrupted`."""
        with self._lock:
            self._is_closed = True
            self._end()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._num_users:
                self._end()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._cancel_timer()
        if self._process is not None:
            process, self._process = self._process, None
            process.__exit__()
