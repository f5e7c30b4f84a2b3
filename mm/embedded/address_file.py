"""Where the service of a home folder listens, as it wrote down itself."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mm.client import Client
from mm.errors import MMError

ANSWER_SECONDS = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # addresses to listen on, not to go to


@dataclass(frozen=True, slots=True)
class AddressFile:
    """Process id and address of a find_running_service API."""

    pid: int
    host: str
    port: int

    @property
    def url(self) -> str:
        host = _ANY.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def address_file_path(home: Path) -> Path:
    return home / "run" / "api.json"


def read_address_file(home: Path) -> AddressFile | None:
    """The note, true or stale; `None` when there is none."""
    try:
        note = json.loads(address_file_path(home).read_text())
        return AddressFile(int(note["pid"]), str(note["host"]), int(note["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_running_service(home: Path) -> str | None:
    """Address of the service that runs on the folder, looked at: its process lives and it
    answers."""
    note = read_address_file(home)
    if note is None or not _lives(note.pid):
        return None
    try:
        with Client(note.url, timeout=ANSWER_SECONDS) as client:
            client.health()
    except MMError:
        return None
    return note.url


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
