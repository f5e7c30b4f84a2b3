"""Connections with incomplete heads, stalled bodies or unread responses."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn

import api.limits.protocol
from api.limits.connections import Connections
from api.limits.protocol import limited_protocol
from mm.settings import Settings
from tests.waiting import join_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

SECONDS = 60.0
"""Time limit of conditions and requests."""
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class App:
    """Responds to `/` at once, `/held` when released, `/endless` without end; reads no body."""

    def __init__(self) -> None:
        self.is_held = threading.Event()
        self.may_end = threading.Event()
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/held":
            self.is_held.set()
            await asyncio.to_thread(self.may_end.wait, SECONDS)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]} | _headers(scope))
        if scope["path"] == "/endless":
            try:
                await asyncio.wait_for(self._send_for_ever(receive, send), SECONDS)
            finally:
                self.ended.set()
            return
        await send({"type": "http.response.body", "body": b"ok"})

    async def _send_for_ever(self, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(self._gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
            await asyncio.sleep(0)

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


def _headers(scope: Scope) -> dict[str, object]:
    return {"headers": []} if scope["path"] == "/endless" else {}


@contextmanager
def serve(**limits: float) -> Iterator[tuple[App, tuple[str, int], Connections]]:
    settings = Settings(**{"host": "0.0.0.0", "head_seconds": 600.0, **limits})
    app, connections = App(), Connections(settings)
    http = limited_protocol(connections, settings)
    config = uvicorn.Config(app, http=http, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
        yield app, server.servers[0].sockets[0].getsockname()[:2], connections
    finally:
        app.may_end.set()
        server.should_exit = True
        join_thread(thread)


@contextmanager
def connect(address: tuple[str, int], sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(sent)
        yield connection


def read_response(connection: socket.socket) -> bytes:
    """Read head and body of one response; empty if the connection was closed."""
    data = b""
    while not data.endswith(b"ok"):
        chunk = connection.recv(1000)
        if not chunk:
            break
        data += chunk
    return data


def wait_until_closed(connection: socket.socket) -> bool:
    """Wait for the end of the connection."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"GET / HT", ASK[:-2]])
def test_connection_with_incomplete_head_is_closed(sent: bytes) -> None:
    with serve(head_seconds=0.2) as (_, address, connections), connect(address, sent) as connection:
        assert wait_until_closed(connection)
        assert connections.open == 0


def test_connection_with_slow_head_is_closed() -> None:
    with serve(head_seconds=0.3) as (_, address, _), connect(address) as connection:
        connection.settimeout(0.02)
        for _ in range(100_000):
            try:
                connection.sendall(b"G")
                assert connection.recv(10) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return
        pytest.fail("it was never closed")


def test_connection_stalled_in_second_head_is_closed() -> None:
    with serve(head_seconds=0.2) as (_, address, _), connect(address, ASK) as connection:
        assert read_response(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(ASK[:5])
        assert wait_until_closed(connection)


def test_connection_with_unread_body_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.limits.protocol, "UNREAD_SECONDS", 0.2)
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx"
    with serve() as (_, address, connections), connect(address, post) as connection:
        assert read_response(connection).startswith(b"HTTP/1.1 200")
        assert wait_until_closed(connection)
        assert connections.open == 0


def test_connection_is_reused_after_rest_of_body() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"
    with serve() as (_, address, _), connect(address, post) as connection:
        assert read_response(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"x" * 8)
        connection.sendall(ASK)
        assert read_response(connection).startswith(b"HTTP/1.1 200")


def test_connection_stalled_after_body_is_closed() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"
    with serve(head_seconds=0.2) as (_, address, _), connect(address, post) as connection:
        assert read_response(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"x" * 8)
        assert wait_until_closed(connection)


def test_client_that_does_not_read_is_disconnected() -> None:
    endless = b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"
    with serve(answer_silence_seconds=0.2) as (app, address, connections), connect(address, endless):
        assert app.ended.wait(SECONDS)
        assert connections.open == 0


def test_connection_over_limit_closes_idle_one_and_is_served() -> None:
    with serve(max_connections=40, caller_share=0.1) as (_, address, connections):
        idle = [socket.create_connection(address, timeout=SECONDS) for _ in range(12)]
        try:
            with connect(address, ASK) as honest:
                assert read_response(honest).startswith(b"HTTP/1.1 200")
            assert [wait_until_closed(connection) for connection in idle[:8]] == [True] * 8
            assert connections.open <= 4
        finally:
            for connection in idle:
                connection.close()


def test_busy_connections_are_not_closed() -> None:
    held_request = b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n"
    with serve(max_connections=2, caller_share=0.5) as (app, address, _), connect(address, held_request) as working:
        assert app.is_held.wait(SECONDS)
        with connect(address) as refused:
            assert read_response(refused).startswith(b"HTTP/1.1 503")
        app.may_end.set()
        assert read_response(working).startswith(b"HTTP/1.1 200")
