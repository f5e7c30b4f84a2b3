"""Ends a request when its key is revoked or its session ends while it runs.

The key or the session is checked for every block of the request body, before the response to a
read-only request starts, and for every block of a streamed response. Changes that a route has made
by then are kept, and its response is sent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request

from api.http import sse
from api.http.problems import build_error_response
from api.request_context import REVOKED
from mm.errors import MMError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send


class RevocableRequest:
    """ASGI `receive` and `send` of one request, with a check that the client is still valid."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, is_valid: Callable[[], Awaitable[bool]], *, read_only: bool
    ) -> None:
        """`read_only`: the request changes nothing, so its response may be withheld."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_valid = is_valid
        self._read_only = read_only
        self._is_body_complete = False
        self._is_event_stream = False
        self._error: MMError | None = None
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next message.

        Raises `Unauthorized` for a block of a body after the revocation, `Unavailable`.
        """
        if self._is_body_complete:
            return await self._wait_for_disconnect()
        message = await self._receive()
        if message["type"] == "http.request":
            self._is_body_complete = not message.get("more_body", False)
            if not await self._check():
                assert self._error is not None
                raise self._error
        return message

    async def send(self, message: Message) -> None:
        """Send a message; after the revocation, refuse or end the response instead."""
        if self._ended.is_set():
            return
        if message["type"] == "http.response.start":
            if self._error is not None or (self._read_only and not await self._check()):
                await self._refuse()
                return
            content_type = Headers(raw=message.get("headers", [])).get("content-type", "")
            self._is_event_stream = content_type.startswith(sse.MEDIA_TYPE)
        elif message.get("more_body") and not await self._check():
            await self._end()
            return
        await self._send(message)

    async def _check(self) -> bool:
        """Whether the client is still valid; sets the error if it is not, or if the check fails."""
        try:
            self._error = None if await self._is_valid() else Unauthorized(REVOKED)
        except MMError as error:
            self._error = error
        return self._error is None

    async def _wait_for_disconnect(self) -> Message:
        """Wait until the client disconnects or the response is ended."""
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
        """End a streamed response: an event stream with a last event that names the reason, a file
        by closing the connection before its declared length."""
        assert self._error is not None
        self._ended.set()
        structlog.get_logger().info("response ended", reason=self._error.slug, path=self._scope["path"])
        if self._is_event_stream:
            last = sse.encode_unauthorized(REVOKED) if isinstance(self._error, Unauthorized) else b""
            await self._send({"type": "http.response.body", "body": last, "more_body": False})
