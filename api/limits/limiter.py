"""Places of one resource: at most so many in use, at most a share of them by one caller, and a fair
queue for the others."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOTAL, CALLER, TIMEOUT = "total", "caller", "timeout"
"""Reasons of a refusal: all places are in use, the caller has its share, the wait took too long."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of one kind there are, and how many of them one caller may have."""

    total: int
    share: int

    def __post_init__(self) -> None:
        if not 1 <= self.share <= max(self.total, 1):
            raise ValueError(f"a share of {self.share} of {self.total}")


NO_QUEUE = Quota(0, 1)


class Limiter:
    """At most `places` requests are inside, at most `queue` wait; all others are refused at once
    with `TooMany`.

    A free place goes to the waiting caller that has the fewest, then to the one that has waited
    longest, so a caller with many requests does not delay one with few. Used on one event loop
    only, so it needs no lock.
    """

    def __init__(
        self,
        name: str,
        places: Quota,
        *,
        queue: Quota = NO_QUEUE,
        wait_seconds: float = 0.0,
        setting: str | None = None,
        retry_after: float = 1.0,
    ) -> None:
        """`setting` is the one that sets the total; `retry_after` seconds are told to a caller that
        is refused."""
        self.name = name
        self.places = places
        self.queue = queue
        self.refused: Counter[str] = Counter()
        """Refusals by reason."""
        self._wait_seconds = wait_seconds
        self._setting = "" if setting is None else f" (MM_{setting.upper()})"
        self._retry_after = retry_after
        self._inside: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._waiters = 0
        self._arrivals: dict[asyncio.Future[None], int] = {}
        self._arrived = 0

    @property
    def inside(self) -> int:
        """Places in use."""
        return self._inside.total()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiters

    def has_room(self, caller: str) -> bool:
        """Whether a request of the caller would be inside without waiting."""
        return self.inside < self.places.total and self._inside[caller] < self.places.share

    def inside_of(self, caller: str) -> int:
        """Places that a caller uses."""
        return self._inside[caller]

    @asynccontextmanager
    async def hold(self, caller: str) -> AsyncIterator[None]:
        """A place for as long as the block lasts. Raises `TooMany`."""
        await self._acquire(caller)
        try:
            yield
        finally:
            self._release(caller)

    async def _acquire(self, caller: str) -> None:
        if self.has_room(caller):
            self._inside[caller] += 1
            return
        self._refuse_longer_queue(caller)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(caller, place)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await place
        except BaseException as error:
            self._leave(caller, place)
            if isinstance(error, TimeoutError):
                raise self._refusal(TIMEOUT) from None
            raise

    def _refuse_longer_queue(self, caller: str) -> None:
        mine = len(self._waiting.get(caller, ()))
        if mine >= min(self.queue.share, self.queue.total) and (self._inside[caller] >= self.places.share or mine):
            raise self._refusal(CALLER)
        if self._waiters >= self.queue.total:
            raise self._refusal(TOTAL)

    def _enqueue(self, caller: str, place: asyncio.Future[None]) -> None:
        self._arrived += 1
        self._arrivals[place] = self._arrived
        self._waiting.setdefault(caller, deque()).append(place)
        self._waiters += 1

    def _dequeue(self, caller: str, place: asyncio.Future[None]) -> None:
        self._waiting[caller].remove(place)
        if not self._waiting[caller]:
            del self._waiting[caller]
        del self._arrivals[place]
        self._waiters -= 1

    def _leave(self, caller: str, place: asyncio.Future[None]) -> None:
        """Give up waiting, or give back a place that was granted and never used."""
        if place in self._arrivals:
            self._dequeue(caller, place)
        else:
            self._release(caller)

    def _release(self, caller: str) -> None:
        self._inside[caller] -= 1
        if not self._inside[caller]:
            del self._inside[caller]
        self._grant()

    def _grant(self) -> None:
        while self.inside < self.places.total:
            able = [caller for caller in self._waiting if self._inside[caller] < self.places.share]
            if not able:
                return
            caller = min(able, key=lambda one: (self._inside[one], self._arrivals[self._waiting[one][0]]))
            place = self._waiting[caller][0]
            self._dequeue(caller, place)
            self._inside[caller] += 1
            if not place.done():
                place.set_result(None)

    def _refusal(self, reason: str) -> TooMany:
        self.refused[reason] += 1
        detail = {
            TOTAL: f"All {self.places.total} places for {self.name} are in use{self._setting}; try again in a moment.",
            CALLER: (
                f"This key or address has {self.places.share} of the {self.places.total} places for {self.name}{self._setting}, "
                "the most that one may have (MM_CALLER_SHARE); wait until a request of yours ends."
            ),
            TIMEOUT: f"No place for {self.name} became free within {self._wait_seconds:g} s{self._setting}; try again later.",
        }
        return TooMany(detail[reason], self._retry_after)
