"""Deletes the oldest chunks of a stream from the library, where a user said how many are kept."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import NotFound
from mm.watch.types import OnEvent, WatchEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mm.schemas import Item
    from mm.watch.stream.state import SentChunk, StreamState


@dataclass(frozen=True, slots=True)
class Retention:
    """What a user said; None keeps everything."""

    seconds: float | None = None
    num_bytes: int | None = None

    def expired(self, chunks: Sequence[SentChunk], now: float) -> list[SentChunk]:
        """The chunks to delete, oldest first: those that ended too long ago, and as many of the
        oldest as are over the size. The newest chunk is kept whatever its size."""
        expired = [chunk for chunk in chunks if self.seconds is not None and now - chunk.end > self.seconds]
        rest, total = chunks[len(expired) :], sum(chunk.num_bytes for chunk in chunks[len(expired) :])
        for chunk in rest[:-1]:
            if self.num_bytes is None or total <= self.num_bytes:
                break
            expired.append(chunk)
            total -= chunk.num_bytes
        return expired


class Ring:
    """Applies a `Retention` to the chunks that this stream has sent, and to nothing else.

    A chunk that a user renamed or whose tags were changed is kept for good: the user has made it
    theirs. Used by one thread.
    """

    def __init__(
        self,
        retention: Retention,
        state: StreamState,
        tags: Sequence[str],
        get_item: Callable[[str], Item],
        delete_item: Callable[[str], None],
        on_event: OnEvent,
    ) -> None:
        self._retention, self._state, self._tags = retention, state, sorted(set(tags))
        self._get_item, self._delete_item, self._on_event = get_item, delete_item, on_event

    def apply(self, now: float | None = None) -> None:
        """Delete what is over the limits now. Raises `Unavailable`, and as the service."""
        for chunk in self._retention.expired(self._state.chunks(), time.time() if now is None else now):
            try:
                item = self._get_item(chunk.item)
            except NotFound:  # a user deleted it
                self._state.remove(chunk.number, "missing")
                continue
            if item.name != chunk.name or sorted(item.tags) != self._tags:
                self._state.remove(chunk.number, "changed")
                self._on_event(WatchEvent("kept", chunk.name, chunk.item, "its name or tags were changed"))
                continue
            with suppress(NotFound):
                self._delete_item(chunk.item)
            self._state.remove(chunk.number, "deleted")
            self._on_event(WatchEvent("deleted", chunk.name, chunk.item))
