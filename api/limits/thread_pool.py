"""Thread pools, one per kind of blocking work, so that no kind waits for another."""

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
    """At most `count` threads, started on demand; usable again after `close`, because an
    application may be started again."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `work`. A cancelled caller waits for the end of the thread, which
        may still use the caller's resources."""
        return await self._run(partial(work, *args, **kwargs), None)

    async def run_cancellable(self, cancelled: threading.Event, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `work`. When the caller is cancelled, `cancelled` is set, after
        which `work` must end soon."""
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
            await _wait_until_done(future)
            raise

    def close(self) -> None:
        """End the threads when their present work is done."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


class LimitedThreadPool(Limiter):
    """A `Limiter` with one thread per slot."""

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
        super().__init__(name, slots, queue=queue, wait_seconds=wait_seconds, setting=setting, retry_after=retry_after)
        self._threads = ThreadPool(name.replace(" ", "-"), slots.total)

    async def run(self, client: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `work` in a thread. Raises `TooMany` and what `work` raises.

        A cancelled caller holds its slot until the thread has ended.
        """
        async with self.hold(client):
            return await self._threads.run(work, *args, **kwargs)

    async def run_cancellable(self, client: str, work: Callable[[threading.Event], T]) -> T:
        """Return the result of `work`. Its argument is set when the caller is cancelled, after
        which it must end soon."""
        async with self.hold(client):
            cancelled = threading.Event()
            return await self._threads.run_cancellable(cancelled, work, cancelled)

    def close(self) -> None:
        """End the threads when their present work is done."""
        self._threads.close()


async def _wait_until_done(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, however often the caller is cancelled meanwhile."""
    with anyio.CancelScope(shield=True):
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({future})
    if not future.cancelled():
        future.exception()  # marks it as retrieved, so that asyncio does not log it
