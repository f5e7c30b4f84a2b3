"""A service with scripted responses, and a common interface of both clients."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import mm
from tests.waiting import join_thread

Reply = Callable[["Handler"], None]


@dataclass
class ReceivedRequest:
    """A request that the service received."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Sends the next scripted response of the path; the last one is repeated."""

    protocol_version = "HTTP/1.1"
    server: ScriptedService

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)) if not self.headers.get("transfer-encoding") else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(ReceivedRequest(self.command, url.path, parse_qs(url.query), headers, body))
        replies = self.server.replies[url.path]
        answer = replies.pop(0) if len(replies) > 1 else replies[0]
        answer(self)

    do_GET = do_POST = do_DELETE = handle_any

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def reply(self, status: int, body: bytes = b"", content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, *chunks: bytes) -> None:
        """Send server-sent events, then close the connection in the middle of the response."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.flush()
        self.close_connection = True


class ScriptedService(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[ReceivedRequest] = []
        self.replies: dict[str, list[Reply]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def on(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)


def reply_with(status: int, body: object = b"", content_type: str = "application/json") -> Reply:
    """A response with a body: bytes unchanged, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
    return lambda handler: handler.reply(status, data, content_type)


def stream_of(*chunks: bytes) -> Reply:
    return lambda handler: handler.stream(*chunks)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    server = ScriptedService()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    join_thread(thread)
    server.server_close()


@dataclass
class ClientKind:
    """Calls a method of the blocking or the asyncio client, and returns its result."""

    asynchronous: bool
    options: dict[str, Any] = field(default_factory=dict)

    def call(self, url: str, verb: str, *args: object, **kwargs: object) -> Any:
        if self.asynchronous:
            return asyncio.run(self._await(url, verb, args, kwargs))
        with mm.Client(url, **self.options) as client:
            return getattr(client, verb)(*args, **kwargs)

    def events(self, url: str, job_id: str, **kwargs: int) -> list[Any]:
        return self.collect(url, "events", job_id, **kwargs)

    def collect(self, url: str, verb: str, *args: object, count: int | None = None, **kwargs: object) -> list[Any]:
        """The values that a method yields, or the first `count` of them."""
        if self.asynchronous:
            return asyncio.run(self._collect(url, verb, args, count, kwargs))
        with mm.Client(url, **self.options) as client:
            return list(itertools.islice(getattr(client, verb)(*args, **kwargs), count))

    async def _await(self, url: str, verb: str, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
        async with mm.AsyncClient(url, **self.options) as client:
            return await getattr(client, verb)(*args, **kwargs)

    async def _collect(
        self, url: str, verb: str, args: tuple[object, ...], count: int | None, kwargs: dict[str, object]
    ) -> list[Any]:
        values: list[Any] = []
        async with mm.AsyncClient(url, **self.options) as client:
            feed = getattr(client, verb)(*args, **kwargs)
            async for value in feed:
                values.append(value)
                if len(values) == count:
                    break
            await feed.aclose()
        return values


@pytest.fixture(params=["blocking", "awaited"])
def kind(request: pytest.FixtureRequest) -> ClientKind:
    return ClientKind(asynchronous=request.param == "awaited")
