"""Delays of repeated refusals (429), so that immediate retries do not pay off."""

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

IMMEDIATE_PER_MINUTE = 30
"""Refusals of one client in a minute that are sent without a delay."""
MIN_SECONDS, MAX_SECONDS = 1.0, 3.0
"""Range of the delay of all others; it is random, so that retries do not synchronize."""


class DelayedRefusals:
    """ASGI middleware: delays most responses of status 429. A delay costs a timer, no thread."""

    def __init__(self, app: ASGIApp, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._app = app
        self._sleep = sleep
        self._immediate = RateLimiter(IMMEDIATE_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_delay(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == TooMany.status:
                await self._delay(get_client_id(scope))
            await send(message)

        await self._app(scope, receive, send_with_delay if scope["type"] == "http" else send)

    async def _delay(self, client: str) -> None:
        try:
            self._immediate.take(client)
        except TooMany:
            await self._sleep(random.uniform(MIN_SECONDS, MAX_SECONDS))
