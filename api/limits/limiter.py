"""Concurrency limit of one resource: slots, a share of them per client, and a fair queue."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOTAL, CLIENT, TIMEOUT = "total", "caller", "timeout"
"""Reasons of a refusal, as in the label of the metric: all slots are in use, the client uses its
share, the wait timed out."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A total number, and the maximum of one client."""

    total: int
    share: int

    def __post_init__(self) -> None:
        if not 1 <= self.share <= max(self.total, 1):
            raise ValueError(f"a share of {self.share} of {self.total}")


NO_QUEUE = Quota(0, 1)


class Limiter:
    """At most `slots` requests run, at most `queue` wait; all others are refused with `TooMany`.

    A free slot goes to the waiting client that uses the fewest, then to the one that has waited
    longest, so a client with many requests does not delay one with few. Used on one event loop
    only.
    """

    def __init__(
        self,
        name: str,
        slots: Quota,
        *,
        queue: Quota = NO_QUEUE,
        wait_seconds: float = 0.0,
        setting: str | None = None,
        retry_after: float = 1.0,
    ) -> None:
        """`setting` sets the total; `retry_after` is for refused clients, in seconds."""
        self.name = name
        self.slots = slots
        self.queue = queue
        self.refused: Counter[str] = Counter()
        """Number of refusals by reason."""
        self._wait_seconds = wait_seconds
        self._setting = "" if setting is None else f" (MM_{setting.upper()})"
        self._retry_after = retry_after
        self._in_use: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._num_waiting = 0
        self._arrival_numbers: dict[asyncio.Future[None], int] = {}
        self._num_arrivals = 0

    @property
    def in_use(self) -> int:
        """Number of slots in use."""
        return self._in_use.total()

    @property
    def waiting(self) -> int:
        """Number of requests in the queue."""
        return self._num_waiting

    def has_room(self, client: str) -> bool:
        """Whether a request of the client would get a slot without waiting."""
        return self.in_use < self.slots.total and self._in_use[client] < self.slots.share

    def count_in_use(self, client: str) -> int:
        """Return the number of slots that a client uses."""
        return self._in_use[client]

    @asynccontextmanager
    async def hold(self, client: str) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block. Raises `TooMany`."""
        await self._acquire(client)
        try:
            yield
        finally:
            self._release(client)

    async def _acquire(self, client: str) -> None:
        if self.has_room(client):
            self._in_use[client] += 1
            return
        self._check_queue(client)
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(client, slot)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await slot
        except BaseException as error:
            self._abandon(client, slot)
            if isinstance(error, TimeoutError):
                raise self._refuse(TIMEOUT) from None
            raise

    def _check_queue(self, client: str) -> None:
        """Raise `TooMany` if the queue of the client, or the whole queue, is full."""
        num_own = len(self._waiting.get(client, ()))
        if num_own >= min(self.queue.share, self.queue.total) and (self._in_use[client] >= self.slots.share or num_own):
            raise self._refuse(CLIENT)
        if self._num_waiting >= self.queue.total:
            raise self._refuse(TOTAL)

    def _enqueue(self, client: str, slot: asyncio.Future[None]) -> None:
        self._num_arrivals += 1
        self._arrival_numbers[slot] = self._num_arrivals
        self._waiting.setdefault(client, deque()).append(slot)
        self._num_waiting += 1

    def _dequeue(self, client: str, slot: asyncio.Future[None]) -> None:
        self._waiting[client].remove(slot)
        if not self._waiting[client]:
            del self._waiting[client]
        del self._arrival_numbers[slot]
        self._num_waiting -= 1

    def _abandon(self, client: str, slot: asyncio.Future[None]) -> None:
        """Leave the queue, or release a slot that was granted in the meantime."""
        if slot in self._arrival_numbers:
            self._dequeue(client, slot)
        else:
            self._release(client)

    def _release(self, client: str) -> None:
        self._in_use[client] -= 1
        if not self._in_use[client]:
            del self._in_use[client]
        self._grant()

    def _grant(self) -> None:
        """Give the free slots to waiting requests."""
        while self.in_use < self.slots.total:
            candidates = [client for client in self._waiting if self._in_use[client] < self.slots.share]
            if not candidates:
                return
            client = min(candidates, key=lambda name: (self._in_use[name], self._arrival_numbers[self._waiting[name][0]]))
            slot = self._waiting[client][0]
            self._dequeue(client, slot)
            self._in_use[client] += 1
            if not slot.done():
                slot.set_result(None)

    def _refuse(self, reason: str) -> TooMany:
        """Count a refusal, and return its error."""
        self.refused[reason] += 1
        messages = {
            TOTAL: f"All {self.slots.total} slots for {self.name} are in use{self._setting}; try again in a moment.",
            CLIENT: (
                f"This key or address uses {self.slots.share} of the {self.slots.total} slots for {self.name}{self._setting}, "
                "its maximum (MM_CALLER_SHARE); wait until one of your requests ends."
            ),
            TIMEOUT: f"No slot for {self.name} became free within {self._wait_seconds:g} s{self._setting}; try again later.",
        }
        return TooMany(messages[reason], self._retry_after)
