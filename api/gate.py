"""A door that lets so many in at once and sends the others away at once, rather than letting a line grow without end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gate:
    """At most `limit` inside. Used on the event loop only, so it needs no lock."""

    def __init__(self, limit: int, what: str, setting: str) -> None:
        self._limit = limit
        self._refusal = f"{limit} {what} are being worked on already (MM_{setting.upper()}); try again in a moment."
        self.inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Inside for as long as the block lasts. Raises `TooMany` when it is full."""
        if self.inside >= self._limit:
            raise TooMany(self._refusal)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
