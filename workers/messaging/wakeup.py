"""Wakes the event loop of a worker at a signal.

Python resumes a blocking call after a signal handler has run (PEP 475), so an idle worker would
handle SIGTERM only at its next timer.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from celery import bootsteps

if TYPE_CHECKING:
    from celery.worker import WorkController
    from kombu.asynchronous import Hub

READ_BYTES = 4096


class WakeOnSignal(bootsteps.StartStopStep):  # type: ignore[misc]
    """Boot step of a worker that writes signals to a pipe of its event loop."""

    requires = ("celery.worker.components:Hub",)

    def __init__(self, worker: WorkController, **options: object) -> None:
        super().__init__(worker, **options)
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def start(self, worker: WorkController) -> None:
        signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)

    def register_with_event_loop(self, worker: WorkController, hub: Hub) -> None:
        """Called for each new event loop, also after a lost connection."""
        hub.add_reader(self._readable, self._drain)

    def stop(self, worker: WorkController) -> None:
        reset_wakeup_fd()

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._readable, READ_BYTES):
                pass


def reset_wakeup_fd() -> None:
    """Stop writing signals to the pipe; called in forked processes, which have no event loop."""
    signal.set_wakeup_fd(-1)
