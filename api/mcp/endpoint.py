"""The route `/mcp`: streamable HTTP transport without sessions.

Every request is complete in itself, so that any process of a service behind a load balancer can
respond to it, and a client that disappears leaves nothing. `GET` and `DELETE`, which concern
sessions, are not supported (405), as the protocol allows.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from api.http.bodies import check_declared_length
from api.request_context import get_client_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import Receive, Scope, Send

    from api.limits.resources import Limits
    from api.service import Service

PATH = "/mcp"
BODY_BYTES = 64 << 10
"""Largest request: the arguments of a tool are short."""


class McpEndpoint:
    """ASGI application. Serves requests inside `run`; the SDK is imported by the first one, because
    it would add 0.4 s and 24 MB to every start."""

    def __init__(self, limits: Limits) -> None:
        self.route = Route(PATH, self, methods=["POST"], include_in_schema=False)
        self._limits = limits
        self._service: Service | None = None
        self._opened: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._host: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def run(self, service: Service) -> AsyncIterator[None]:
        """Serve requests for the duration of the block."""
        self._service = service
        try:
            yield
        finally:
            host, self._host, self._opened, self._service = self._host, None, None, None
            if host is not None:
                host.cancel()
                await asyncio.gather(host, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request. Raises `TooLarge`, and `TooMany` while other bodies occupy the
        memory for bodies."""
        scope["route"] = self.route  # for the log and the metrics; FastAPI sets it for its own routes
        request = Request(scope, receive)
        check_declared_length(request, BODY_BYTES, None)
        with self._limits.bodies.hold(get_client_id(scope), BODY_BYTES):
            manager = await self._open()
            await manager.handle_request(scope, receive, send)

    async def _open(self) -> StreamableHTTPSessionManager:
        """Return the session manager, which a task of its own opens: it must be closed by the task
        that opened it, which no request may be."""
        if self._opened is None or self._host is None:
            assert self._service is not None
            self._opened = asyncio.get_running_loop().create_future()
            self._host = asyncio.create_task(self._serve(self._service, self._opened))
        futures: set[asyncio.Future[Any]] = {self._opened, self._host}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if self._host.done():
            self._host.result()  # raises why it ended
        return self._opened.result()

    async def _serve(self, service: Service, opened: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from api.mcp.server import create_server

        server = create_server(service, self._limits)
        manager = StreamableHTTPSessionManager(server, stateless=True, json_response=True, max_request_body_size=BODY_BYTES)
        async with manager.run():
            opened.set_result(manager)
            await asyncio.Event().wait()
