"""The file in which a running API records its process id and address."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mm.client import Client
from mm.errors import MMError

RESPONSE_SECONDS = 5.0
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # wildcard addresses cannot be connected to


@dataclass(frozen=True, slots=True)
class AddressFile:
    """Content of the file: process id and address of an API."""

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        host = _LOOPBACK_OF.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def address_file_path(home: Path) -> Path:
    return home / "run" / "api.json"


def read_address_file(home: Path) -> AddressFile | None:
    """Read the file, which may be stale; `None` if it is missing or invalid."""
    try:
        content = json.loads(address_file_path(home).read_text())
        return AddressFile(int(content["pid"]), str(content["host"]), int(content["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_running_service(home: Path) -> str | None:
    """Address of the service of a home folder, `None` if none runs there and responds."""
    address = read_address_file(home)
    if address is None or not _is_alive(address.pid):
        return None
    try:
        with Client(address.url, timeout=RESPONSE_SECONDS) as client:
            client.health()
    except MMError:
        return None
    return address.url


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
