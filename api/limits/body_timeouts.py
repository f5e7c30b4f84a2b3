"""How slowly a request body may come: a longest silence and a least average rate."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mm.errors import RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mm.settings import Settings


@dataclass
class BodyProgress:
    """The waiting for one body. Time that the service spends on what came does not count."""

    silence_seconds: float
    bytes_per_second: float
    received: int = 0
    waited: float = 0.0

    @property
    def left(self) -> float:
        """Seconds that the next bytes may take."""
        return min(self.silence_seconds, self.silence_seconds + self.received / self.bytes_per_second - self.waited)

    def error(self, waited: float) -> RequestTimeout:
        """What is wrong with a body of which nothing came for `waited` seconds."""
        if waited >= self.silence_seconds:
            return RequestTimeout(f"No bytes of the body came for {self.silence_seconds:g} s (MM_BODY_SILENCE_SECONDS).")
        return RequestTimeout(
            f"The body came at less than {self.bytes_per_second:g} bytes a second (MM_BODY_BYTES_PER_SECOND): "
            f"{self.received:,} bytes in {self.waited:.0f} s."
        )


@dataclass
class BodyTimeouts:
    """ASGI middleware: whoever reads a body that comes too slowly gets `RequestTimeout`, or a
    disconnect behind the answer."""

    app: ASGIApp
    settings: Settings
    clock: Callable[[], float] = field(default=time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        pace = BodyProgress(self.settings.body_silence_seconds, self.settings.body_bytes_per_second)
        complete = answered = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            started, left = self.clock(), pace.left
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                pace.waited += self.clock() - started
                if answered:
                    return {"type": "http.disconnect"}
                raise pace.error(left) from None
            pace.waited += self.clock() - started
            pace.received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self.app(scope, receive_in_time, send_and_note)
