"""The client of a request in limits, logs and the audit log."""

from __future__ import annotations

import contextvars
import json
import socket
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api.auth.middleware import AuthenticationMiddleware
from api.request_context import Client, current_client, get_client, get_client_id
from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import KeyedServer
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send


async def _report(scope: Scope, receive: Receive, send: Send) -> None:
    """Responds with the client of the request in a route, a thread and the log."""
    threaded = await run_in_threadpool(lambda: str(current_client()))
    bound = structlog.contextvars.get_contextvars().get("key")
    await JSONResponse([get_client_id(scope), get_client(scope).key_id, threaded, bound])(scope, receive, send)


def send_request(settings: Settings, address: str, key: str = "") -> Any:
    """Return the JSON response to one request from `address`."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), *([(b"authorization", b"Bearer " + key.encode())] if key else [])]
    scope: Scope = {"type": "http", "method": "GET", "path": "/v1/media", "query_string": b"", "headers": headers}
    scope |= {"client": (address, 1), "scheme": "http", "server": ("127.0.0.1", 80)}
    contextvars.copy_context().run(anyio.run, lambda: AuthenticationMiddleware(_report, settings)(scope, receive, send))
    return json.loads(b"".join(message.get("body", b"") for message in sent))


def test_get_client_with_key_is_key_id_in_routes_threads_and_log(tmp_path: Path) -> None:
    key, secret = KeyFile(tmp_path).add("laptop", "read")
    client_ids = send_request(Settings(home=tmp_path, keys="on"), "10.0.0.1", secret)
    assert client_ids == [f"key {key.id}", key.id, f"key {key.id}", key.id]


@pytest.mark.parametrize(
    ("address", "client_id"),
    [("10.0.0.1", "address 10.0.0.1"), ("2001:db8::7", "address 2001:db8::/64"), ("", "address ")],
)
def test_get_client_without_key_is_the_network(tmp_path: Path, address: str, client_id: str) -> None:
    assert send_request(Settings(home=tmp_path), address) == [client_id, None, client_id, None]


@pytest.mark.parametrize(
    ("address", "actor"),
    [
        ("", "local"),
        ("127.0.0.1", "local"),
        ("::1", "local"),
        ("::ffff:127.0.0.1", "local"),
        ("10.0.0.1", "anonymous"),
        ("x", "anonymous"),
    ],
)
def test_actor_without_key_is_local_or_anonymous(address: str, actor: str) -> None:
    assert Client(address).actor().name == actor


def test_get_client_without_authentication_is_the_network() -> None:
    assert get_client_id({"type": "http", "client": ("10.0.0.9", 1)}) == "address 10.0.0.9"
    assert get_client({"type": "http"}).key_id is None
    assert str(current_client()) == "address "


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """Log events of the service, with the variables bound to each request."""
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture.entries
    structlog.reset_defaults()


def test_log_lines_have_key_id_and_no_secret(keyed: KeyedServer, lines: list[MutableMapping[str, Any]]) -> None:
    key_id, headers = keyed.key("read")
    secret = headers["Authorization"].removeprefix("Bearer ")
    for request_id, sent in (("logged-1", headers), ("logged-2", {"Authorization": f"Bearer {secret}x"})):
        keyed.running.client.get("/v1/media", headers={"X-Request-ID": request_id, **sent})
    wait_for(lambda: {"logged-1", "logged-2"} <= {line["request_id"] for line in lines}, "both requests are logged")
    assert {(line["request_id"], line.get("key")) for line in lines} == {("logged-1", key_id), ("logged-2", None)}
    assert secret.split("_", 2)[2] not in str(lines)  # the random part may contain an underscore


def test_pipelined_request_does_not_inherit_key_of_previous(keyed: KeyedServer, lines: list[MutableMapping[str, Any]]) -> None:
    key_id, headers = keyed.key("read")
    host, port = keyed.url.removeprefix("http://").split(":")

    def raw(request_id: str, more: str = "") -> bytes:
        return f"GET /v1/media HTTP/1.1\r\nHost: {host}\r\nX-Request-ID: {request_id}\r\n{more}\r\n".encode()

    first = raw("pipelined-1", f"Authorization: {headers['Authorization']}\r\n")
    second = raw("pipelined-2", "Sec-Fetch-Site: same-origin\r\nConnection: close\r\n")
    with socket.create_connection((host, int(port)), timeout=300) as connection:
        connection.sendall(first + second)
        response = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert (response.count(b"HTTP/1.1 200"), response.count(b"HTTP/1.1 401")) == (1, 1)
    wait_for(lambda: {"pipelined-1", "pipelined-2"} <= {line["request_id"] for line in lines}, "both requests are logged")
    assert {(line["request_id"], line.get("key")) for line in lines} == {("pipelined-1", key_id), ("pipelined-2", None)}
