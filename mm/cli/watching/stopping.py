"""Ends a long command at the first Ctrl+C or SIGTERM, so that what is in progress is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(stop: Callable[[], object], signals: Sequence[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Within the block, the first of `signals` calls `stop`; a second one acts as before."""

    def handle(signum: int, frame: object) -> None:
        restore()
        # Not in the handler: an event may be locked by the code that the signal interrupted.
        threading.Thread(target=stop).start()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        restore()
