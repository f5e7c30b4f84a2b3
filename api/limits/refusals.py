"""A caller that is refused again and again waits for each refusal, so that asking at once does not
pay."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from api.limits.rate_limiter import RateLimiter
from api.request_context import get_client_id
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FREE_PER_MINUTE = 30
"""Refusals of one caller in a minute that are sent at once."""
LEAST_SECONDS, MOST_SECONDS = 1.0, 3.0
"""Delay of all others. It is drawn, so that they do not come together."""


class DelayedRefusals:
    """ASGI middleware: delays most answers of 429. A delayed answer costs a timer and no thread."""

    def __init__(self, app: ASGIApp, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._app = app
        self._sleep = sleep
        self._free = RateLimiter(FREE_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == TooMany.status:
                await self._delay(get_client_id(scope))
            await send(message)

        await self._app(scope, receive, send_later if scope["type"] == "http" else send)

    async def _delay(self, caller: str) -> None:
        try:
            self._free.take(caller)
        except TooMany:
            await self._sleep(random.uniform(LEAST_SECONDS, MOST_SECONDS))
