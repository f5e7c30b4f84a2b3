"""Keeps a service open over several tests: schemathesis ends it with the test that started it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]


class LongLifespan:
    """An ASGI application that starts another one on the first lifespan, and ends it on `close`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing, self._started = asyncio.Event(), asyncio.Event()
        self._lifespan: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        if self._lifespan is None:
            self._loop = asyncio.get_running_loop()
            self._lifespan = asyncio.create_task(self._run(scope))
            self._lifespan.add_done_callback(lambda _: self._started.set())
            await self._started.wait()
            if self._lifespan.done():
                self._lifespan.result()  # raises what the start has raised
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def close(self) -> None:
        """End the application; called by another thread than that of the event loop."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()

    async def _end(self) -> None:
        self._closing.set()
        assert self._lifespan is not None
        await self._lifespan

    async def _run(self, scope: Message) -> None:
        is_starting = True

        async def receive() -> Message:
            nonlocal is_starting
            if is_starting:
                is_starting = False
                return {"type": "lifespan.startup"}
            await self._closing.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            assert not str(message["type"]).endswith(".failed"), message
            self._started.set()

        await self._app(scope, receive, send)
