"""ThreadPool for one kind of blocking work, so that no other kind waits for them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio

from api.limits.limiter import NO_QUEUE, Limiter, Quota

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPool:
    """At most `count` threads, started when they are needed, also after `close`: an application may
    start again."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns. A caller that is cancelled waits until the thread has ended: what it
        uses is not free before."""
        return await self._run(partial(work, *args, **kwargs), None)

    async def run_cancellable(self, cancelled: threading.Event, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for work that ends soon after `cancelled` is set, as is done when the caller is
        cancelled."""
        return await self._run(partial(work, *args, **kwargs), cancelled)

    async def _run(self, work: Callable[[], T], cancelled: threading.Event | None) -> T:
        context = contextvars.copy_context()
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._count, thread_name_prefix=f"mm-{self._name}")
        future = asyncio.get_running_loop().run_in_executor(self._executor, context.run, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if cancelled is not None:
                cancelled.set()
            await _settled(future)
            raise

    def close(self) -> None:
        """End the threads when they have done what was begun."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


class LimitedThreadPool(Limiter):
    """A `Limiter` with a thread for each place."""

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
        super().__init__(name, places, queue=queue, wait_seconds=wait_seconds, setting=setting, retry_after=retry_after)
        self._threads = ThreadPool(name.replace(" ", "-"), places.total)

    async def run(self, caller: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns in a thread of its own. Raises `TooMany` and what `work` raises.

        A caller that is cancelled keeps its place until the thread has ended.
        """
        async with self.hold(caller):
            return await self._threads.run(work, *args, **kwargs)

    async def run_cancellable(self, caller: str, work: Callable[[threading.Event], T]) -> T:
        """The same for work that ends soon after the event that it gets is set, as is done when the
        caller is cancelled."""
        async with self.hold(caller):
            cancelled = threading.Event()
            return await self._threads.run_cancellable(cancelled, work, cancelled)

    def close(self) -> None:
        """End the threads when they have done what was begun."""
        self._threads.close()


async def _settled(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, however often the caller is cancelled meanwhile."""
    with anyio.CancelScope(shield=True):
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({future})
    if not future.cancelled():
        future.exception()  # was asked for, so that it is not logged as never retrieved
