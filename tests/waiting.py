"""Waits with a time limit, which fail with what was waited for. Only a fault reaches the limit."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mm.errors import Unavailable

T = TypeVar("T")

LIMIT_SECONDS = 120.0


def wait_for(condition: Callable[[], bool], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Check the condition every 20 ms; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not seen within {seconds:.0f} s: {what}"
        time.sleep(0.02)


def wait_for_exit(process: subprocess.Popen[Any], name: str) -> int:
    """Wait for the end of a process, and return its exit status; fails with its name."""
    wait_for(lambda: process.poll() is not None, f"the end of {name}")
    return int(process.returncode)


def join_thread(thread: threading.Thread) -> None:
    """Wait for the end of a thread; fails with its name."""
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive(), f"not ended within {LIMIT_SECONDS:.0f} s: the thread {thread.name}"


def call_when_available(call: Callable[[], T]) -> T:
    """The result of a call that raises `Unavailable` until a process has started."""
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return call()
        except Unavailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
