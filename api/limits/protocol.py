"""uvicorn's HTTP/1.1 protocol with timeouts for idle connections, unread bodies and slow readers.

uvicorn itself waits without a limit for the head of a request, for the rest of a body after its
response, and for a client that does not read the response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from api.limits.connections import Connections
    from mm.settings import Settings

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
UNREAD_SECONDS = 60.0
"""Time limit for reading and discarding the rest of a body after its response."""


class LimitedProtocol(H11Protocol):
    """A connection in one of three states: it waits for a head, a request is being processed, or
    the rest of a body is being discarded."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
        settings: Settings,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = connections
        self._settings = settings
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._connections.add(self, self.client[0] if self.client else ""):
            self._wait_for_head()
        else:
            transport.write(BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        for timer in (self._head_timer, self._body_timer, self._send_timer):
            _cancel(timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_busy:
            self._head_timer = _cancel(self._head_timer)
            self._connections.mark_busy(self)
        elif self.timeout_keep_alive_task is None and self._head_timer is None and self._body_timer is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        is_body_unread = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self.transport.is_closing() or self._is_busy:
            return
        self._connections.mark_idle(self)
        if is_body_unread and self._body_timer is None:
            self._body_timer = self.loop.call_later(UNREAD_SECONDS, self.close_idle)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state is not h11.SEND_BODY:
            self._body_timer = _cancel(self._body_timer)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_timer = self.loop.call_later(self._settings.answer_silence_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._send_timer = _cancel(self._send_timer)

    def close_idle(self) -> None:
        """Close the connection; no request of it is being processed."""
        if not self.transport.is_closing():
            self.transport.close()

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self._settings.head_seconds, self.close_idle)


def limited_protocol(connections: Connections, settings: Settings) -> type[LimitedProtocol]:
    """Return the protocol class of all connections: pass it as `http` to `uvicorn.Config`."""

    class BoundProtocol(LimitedProtocol):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop, connections=connections, settings=settings)

    return BoundProtocol


def _cancel(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer. Returns None, to be assigned in its place."""
    if timer is not None:
        timer.cancel()
    return None
