"""A signal ends the wait of a worker's event loop.

Python goes on waiting after the handler of a signal has run (PEP 475), so that a worker without
work would notice SIGTERM only when its next timer is due.
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
    """A step of the main process of a worker: Python writes each signal into a pipe, which the
    event loop reads."""

    requires = ("celery.worker.components:Hub",)

    def __init__(self, worker: WorkController, **options: object) -> None:
        super().__init__(worker, **options)
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def start(self, worker: WorkController) -> None:
        signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)

    def register_with_event_loop(self, worker: WorkController, hub: Hub) -> None:
        """Called for each new loop, as after a lost connection."""
        hub.add_reader(self._readable, self._empty)

    def stop(self, worker: WorkController) -> None:
        reset_wakeup_fd()

    def _empty(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._readable, READ_BYTES):
                pass


def reset_wakeup_fd() -> None:
    """In a process that was forked: its signals are none of the event loop's."""
    signal.set_wakeup_fd(-1)
