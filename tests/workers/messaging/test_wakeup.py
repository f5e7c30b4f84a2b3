"""Signals and the event loop of a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from kombu.asynchronous import Hub

from workers.messaging.wakeup import WakeOnSignal, reset_wakeup_fd

WAIT_SECONDS = 30.0


@pytest.fixture
def received() -> Iterator[list[int]]:
    """Signals that the handler of SIGUSR1 received."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: numbers.append(number))
    try:
        yield numbers
    finally:
        signal.signal(signal.SIGUSR1, before)
        reset_wakeup_fd()


def test_wake_on_signal_wakes_the_event_loop_at_each_signal(received: list[int]) -> None:
    worker, hub = Mock(), Hub()
    step = WakeOnSignal(worker)
    step.start(worker)
    step.register_with_event_loop(worker, hub)
    for count in (1, 2):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert hub.poller.poll(WAIT_SECONDS), "the signal did not wake the loop"
        hub.run_once()
        assert hub.poller.poll(0) in ([], None)
        assert len(received) == count
    step.stop(worker)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not hub.poller.poll(0)
    hub.close()
