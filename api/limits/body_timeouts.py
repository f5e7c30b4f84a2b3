"""Timeouts of request bodies: a maximum silence and a minimum average data rate."""

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
    """Bytes received of one body, and the time spent waiting for them, without processing time."""

    silence_seconds: float
    bytes_per_second: float
    num_received: int = 0
    waited_seconds: float = 0.0

    @property
    def seconds_left(self) -> float:
        """Maximum wait for the next bytes."""
        average = self.silence_seconds + self.num_received / self.bytes_per_second - self.waited_seconds
        return min(self.silence_seconds, average)

    def timeout_error(self, waited_seconds: float) -> RequestTimeout:
        """Return the error of a body of which nothing arrived for `waited_seconds`."""
        if waited_seconds >= self.silence_seconds:
            return RequestTimeout(f"No bytes of the body arrived for {self.silence_seconds:g} s (MM_BODY_SILENCE_SECONDS).")
        return RequestTimeout(
            f"The body arrived at less than {self.bytes_per_second:g} bytes per second (MM_BODY_BYTES_PER_SECOND): "
            f"{self.num_received:,} bytes in {self.waited_seconds:.0f} s."
        )


@dataclass
class BodyTimeouts:
    """ASGI middleware: reading a slow body raises `RequestTimeout`, or returns a disconnect once
    the response has started."""

    app: ASGIApp
    settings: Settings
    clock: Callable[[], float] = field(default=time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        progress = BodyProgress(self.settings.body_silence_seconds, self.settings.body_bytes_per_second)
        is_complete = has_responded = False

        async def receive_with_timeout() -> Message:
            nonlocal is_complete
            if is_complete:
                return await receive()
            started, seconds_left = self.clock(), progress.seconds_left
            try:
                async with asyncio.timeout(seconds_left):
                    message = await receive()
            except TimeoutError:
                progress.waited_seconds += self.clock() - started
                if has_responded:
                    return {"type": "http.disconnect"}
                raise progress.timeout_error(seconds_left) from None
            progress.waited_seconds += self.clock() - started
            progress.num_received += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
            return message

        async def record_and_send(message: Message) -> None:
            nonlocal has_responded
            has_responded = True
            await send(message)

        await self.app(scope, receive_with_timeout, record_and_send)
