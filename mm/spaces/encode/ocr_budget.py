"""The time that text recognition may take: a share of the time of all other encoding."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

ReadText = Literal["auto", "always", "off"]
"""Values of MM_READ_TEXT."""
SHARE = 0.1
"""Of the time of encoding, recognition included."""


class OcrBudget:
    """A balance in seconds: encoding credits it, recognition debits it.

    Used by one thread at a time. Recognition begins while the balance is positive. One image may
    overdraw it, and later chunks make up for that: over many chunks the share holds, for minutes of
    video and for single images.
    """

    def __init__(self, mode: ReadText = "auto", clock: Callable[[], float] = time.monotonic) -> None:
        """`always` recognizes without a limit, `off` never. `clock` returns seconds."""
        self.mode = mode
        self.clock = clock
        self.remaining_seconds = 0.0
        """Negative when overdrawn."""

    @property
    def is_available(self) -> bool:
        """Whether the text of another image may be recognized."""
        return self.mode == "always" or (self.mode == "auto" and self.remaining_seconds > 0)

    @contextmanager
    def credit(self) -> Iterator[None]:
        """Credit the share of the time that the block takes, which encodes without recognition."""
        started = self.clock()
        yield
        self.remaining_seconds += (self.clock() - started) * SHARE / (1 - SHARE)

    @contextmanager
    def debit(self) -> Iterator[None]:
        """Debit the time that the block takes, which decodes and recognizes."""
        started = self.clock()
        try:
            yield
        finally:
            self.remaining_seconds -= self.clock() - started
