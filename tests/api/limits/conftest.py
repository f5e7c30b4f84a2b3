"""A service that requires keys, with a regular client, an attacker, and low limits."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest

from mm.keys import KeyFile
from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 60.0
"""Time limit of conditions and requests."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.01)


@dataclass(frozen=True)
class Flooded:
    """A service, and clients with a key each."""

    running: ApiServer
    honest: httpx2.Client
    hostile: httpx2.Client
    admin: httpx2.Client

    def raw(self, request: str, sent: bytes = b"") -> socket.socket:
        """Open a connection that sends a request head of the attacker and the start of the body."""
        host, port = self.running.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=SECONDS)
        key = self.hostile.headers["authorization"]
        connection.sendall(f"{request}\r\nHost: {host}\r\nAuthorization: {key}\r\n\r\n".encode() + sent)
        return connection

    @contextmanager
    def connections(self, request: str, sent: bytes = b"", count: int = 1) -> Iterator[list[socket.socket]]:
        """Open several such connections, closed at the end of the block."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.raw(request, sent)) for _ in range(count)]


@pytest.fixture(scope="session")
def flooded(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[Flooded]:
    home = with_graphs(tmp_path_factory.mktemp("flooded"), graphs)
    secrets = {
        name: KeyFile(home).add(name, scope)[1] for name, scope in (("honest", "write"), ("hostile", "write"), ("admin", "admin"))
    }
    settings = Settings(home=home, keys="on", max_partial_uploads_per_key=4, max_event_streams=16, body_silence_seconds=6.0)
    with run_server(settings) as service, ExitStack() as stack:

        def client(name: str) -> httpx2.Client:
            headers = {"Authorization": f"Bearer {secrets[name]}"}
            return stack.enter_context(httpx2.Client(base_url=service.url, timeout=SECONDS, headers=headers))

        yield Flooded(service, client("honest"), client("hostile"), client("admin"))
