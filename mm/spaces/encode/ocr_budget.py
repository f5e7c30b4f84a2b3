"""How long text may be read for: a share of the time that all other encoding takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

ReadText = Literal["auto", "always", "off"]
SHARE = 0.1
"""Of the time that encoding takes, reading included."""


class OcrBudget:
    """An account in seconds: encoding pays in, reading draws. Used by one thread at a time.

    Reading begins while something is left, and one picture may overdraw it, which the next chunks
    pay back: over many chunks the share holds, whether they are minutes of film or single
    photographs.
    """

    def __init__(self, mode: ReadText = "auto", clock: Callable[[], float] = time.monotonic) -> None:
        """`always` reads without a limit, `off` never. `clock` tells seconds."""
        self.mode = mode
        self.clock = clock
        self.remaining_seconds = 0.0
        """Seconds that may be read for; negative when overdrawn."""

    @property
    def is_available(self) -> bool:
        """Whether another picture may be read."""
        return self.mode == "always" or (self.mode == "auto" and self.remaining_seconds > 0)

    @contextmanager
    def credit(self) -> Iterator[None]:
        """Around what is encoded apart from reading."""
        started = self.clock()
        yield
        self.remaining_seconds += (self.clock() - started) * SHARE / (1 - SHARE)

    @contextmanager
    def debit(self) -> Iterator[None]:
        """Around what is read, decoding for it included."""
        started = self.clock()
        try:
            yield
        finally:
            self.remaining_seconds -= self.clock() - started
