"""Request coalescing: concurrent requests for the same result share one computation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from api.limits.thread_pool import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PAUSE_SECONDS = 0.1
"""Minimum time between the end of a computation and the start of the next."""


class CoalescedCall(Generic[T]):
    """Runs `work` in a thread, once at a time and with a pause between two runs, however many
    requests there are.

    A request during a run gets the result of the next one. Used on one event loop only.
    """

    def __init__(self, work: Callable[[], T], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._work = work
        self._pause_seconds = pause_seconds
        self._threads = ThreadPool("shared", 1)
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return a result whose computation started after this call. Raises what `work` raises."""
        if self._running is None:
            self._running = asyncio.create_task(self._run(None))
            return await asyncio.shield(self._running)
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """End the thread."""
        self._threads.close()

    async def _run(self, previous: asyncio.Task[T] | None) -> T:
        if previous is not None:
            await asyncio.wait({previous})
            await asyncio.sleep(self._pause_seconds)
            self._running, self._next = self._next, None
        try:
            return await self._threads.run(self._work)
        finally:
            if self._next is None:
                self._running = None
