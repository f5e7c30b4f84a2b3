"""SIGINT and SIGTERM, held back while the main thread shares locks with other threads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeferredSignals:
    """Signals that arrive within the block are counted; their handlers are called at its end.

    A handler that raises, as that of SIGINT does, can raise between any two instructions of the
    main thread. Within `threading.Event.wait` or `set`, which are written in Python, it can leave
    the lock of the event acquired, and the next thread that uses the event blocks for ever. Blocks
    can be nested. The block has no effect in another thread, which receives no signals, and on
    signals that have no handler in Python.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}

    @property
    def num_received(self) -> int:
        """Signals since the start of the block."""
        return len(self._received)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            try:
                for number in SIGNALS:
                    handler = signal.getsignal(number)
                    if callable(handler):
                        self._handlers[number] = handler
                        signal.signal(number, self._record)
            except BaseException:  # the handler of the second signal, called before it was replaced
                self._restore_handlers()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        self._restore_handlers()
        for number in self._received:
            self._handlers[number](number, None)

    def _record(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
