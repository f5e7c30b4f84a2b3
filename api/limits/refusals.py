"""A caller that is refused for asking too much waits for the refusal, so that asking again at once does not pay."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import TooMany

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DELAY_SECONDS = 0.5
"""Not over the least `Retry-After`, which counts from the refusal on."""


@dataclass
class DelayedRefusals:
    """ASGI middleware: answers 429 after a pause, which costs the service a timer and no thread."""

    app: ASGIApp
    seconds: float = DELAY_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == TooMany.status:
                await asyncio.sleep(self.seconds)
            await send(message)

        await self.app(scope, receive, send_later if scope["type"] == "http" else send)
