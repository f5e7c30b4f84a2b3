"""Ends a request whose key is revoked, or whose session ends, while it runs.

The key or the session is checked again for every block of the request's body, before the answer to
a question starts, and for every block of a streamed answer. What a route has changed by then stays
and is answered as usual.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request

from api.http import sse
from api.http.problems import build_error_response
from api.request_context import ENDED
from mm.errors import MMError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send


class RevocableRequest:
    """`receive` and `send` of one request; both check that the caller's key or session is still
    valid."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, is_valid: Callable[[], Awaitable[bool]], *, only_reads: bool
    ) -> None:
        """`only_reads`: the request changes nothing, so that its answer may be withheld."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_valid = is_valid
        self._only_reads = only_reads
        self._body_read = False
        self._is_events = False
        self._error: MMError | None = None
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        """The next message. Raises `Unauthorized` for a block of a body whose sender is not allowed
        any more, `Unavailable`."""
        if self._body_read:
            return await self._disconnect()
        message = await self._receive()
        if message["type"] == "http.request":
            self._body_read = not message.get("more_body", False)
            if not await self._may_go_on():
                assert self._error is not None
                raise self._error
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on, unless the caller is not allowed any more; then the answer is refused
        or ends."""
        if self._ended.is_set():
            return
        if message["type"] == "http.response.start":
            if self._error is not None or (self._only_reads and not await self._may_go_on()):
                await self._refuse()
                return
            self._is_events = Headers(raw=message.get("headers", [])).get("content-type", "").startswith(sse.MEDIA_TYPE)
        elif message.get("more_body") and not await self._may_go_on():
            await self._end()
            return
        await self._send(message)

    async def _may_go_on(self) -> bool:
        """Whether the caller is still allowed; a check that fails counts as no. Sets the error that
        says why not."""
        try:
            self._error = None if await self._is_valid() else Unauthorized(ENDED)
        except MMError as error:
            self._error = error
        return self._error is None

    async def _disconnect(self) -> Message:
        """Wait until the client goes away or the answer is ended, which looks the same to the
        route."""
        tasks = {asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._ended.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return {"type": "http.disconnect"}
        finally:
            for task in tasks:
                task.cancel()

    async def _refuse(self) -> None:
        assert self._error is not None
        self._ended.set()
        await build_error_response(Request(self._scope), self._error)(self._scope, self._receive, self._send)

    async def _end(self) -> None:
        """End a streamed answer: events by a last one that says why, a file by closing the
        connection short of its length."""
        assert self._error is not None
        self._ended.set()
        structlog.get_logger().info("answer ended", reason=self._error.slug, path=self._scope["path"])
        if self._is_events:
            last = sse.encode_unauthorized(ENDED) if isinstance(self._error, Unauthorized) else b""
            await self._send({"type": "http.response.body", "body": last, "more_body": False})
