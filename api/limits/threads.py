"""Threads for one kind of blocking work, so that no other kind waits for them."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
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


async def _settled(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, however often the caller is cancelled meanwhile."""
    with anyio.CancelScope(shield=True):
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({future})
    if not future.cancelled():
        future.exception()  # was asked for, so that it is not logged as never retrieved
