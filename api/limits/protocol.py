"""uvicorn's protocol for HTTP/1.1 with limits on what happens before a request and behind its
answer.

uvicorn waits without end for the head of a request, for a body that nobody reads any more, and for
a caller that does not read.
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
"""How long the rest of a body is still read, and thrown away, behind its answer."""


class LimitedProtocol(H11Protocol):
    """A connection in one of three states: it waits for a head, a request is answered, the rest of
    a body is thrown away."""

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
        self._all = connections
        self._settings = settings
        self._waiting: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._unsent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._all.add(self, self.client[0] if self.client else ""):
            self._wait_for_head()
        else:
            transport.write(BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.remove(self)
        for timer in (self._waiting, self._unread, self._unsent):
            _ended(timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_busy:
            self._waiting = _ended(self._waiting)
            self._all.work(self)
        elif self.timeout_keep_alive_task is None and self._waiting is None and self._unread is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        body_is_left = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self.transport.is_closing() or self._is_busy:
            return
        self._all.wait(self)
        if body_is_left and self._unread is None:
            self._unread = self.loop.call_later(UNREAD_SECONDS, self.close_waiting)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state is not h11.SEND_BODY:
            self._unread = _ended(self._unread)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.loop.call_later(self._settings.answer_silence_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unsent = _ended(self._unsent)

    def close_waiting(self) -> None:
        """Close a connection on which no request is being answered."""
        if not self.transport.is_closing():
            self.transport.close()

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._waiting = self.loop.call_later(self._settings.head_seconds, self.close_waiting)


def limited_protocol(connections: Connections, settings: Settings) -> type[LimitedProtocol]:
    """The class that uvicorn makes its connections of: pass it as `http` to `uvicorn.Config`."""

    class Bound(LimitedProtocol):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop, connections=connections, settings=settings)

    return Bound


def _ended(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancels a timer; always None, which takes its place."""
    if timer is not None:
        timer.cancel()
    return None
