"""A limiter whose places are threads: blocking work of one kind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from api.limits.limiter import NOBODY_WAITS, Limiter, Quota
from api.limits.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Pool(Limiter):
    """A `Limiter` with a thread for each place."""

    def __init__(
        self,
        name: str,
        places: Quota,
        *,
        queue: Quota = NOBODY_WAITS,
        wait_seconds: float = 0.0,
        setting: str | None = None,
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(name, places, queue=queue, wait_seconds=wait_seconds, setting=setting, retry_after=retry_after)
        self._threads = Threads(name.replace(" ", "-"), places.total)

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
