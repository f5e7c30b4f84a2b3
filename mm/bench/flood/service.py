"""`mm bench flood`: an API with keys on an empty folder, and what is measured with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mm.bench.flood import report as flood
from mm.bench.ingest.service import copy_model_cache
from mm.client import Client
from mm.embedded.address_file import address_file_path, read_address_file
from mm.embedded.connect import exit_on_sigterm, print_status
from mm.embedded.environment import build_environment
from mm.errors import MMError, Unavailable
from mm.keys import KeyFile
from mm.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mm.bench.flood.attack import Kind
    from mm.bench.flood.report import FloodReport
    from mm.settings import Settings

START_SECONDS = 180.0
EVERY_ADDRESS = "0.0.0.0"
"""With the limits that hold where others reach the API."""


def measure(kinds: Sequence[Kind], connections: int, seconds: float) -> FloodReport:
    """Run the bench with the settings of the environment, except for the folder. Raises
    `Unavailable`."""
    with exit_on_sigterm(), tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        home = Path(name) / "home"
        copy_model_cache(load_settings().root / "cache", home / "cache")
        settings = load_settings(home=home, host=EVERY_ADDRESS, port=0, database_url="", broker_url="")
        keys = KeyFile(settings.root)
        honest, hostile = (keys.add(who, "write")[1] for who in ("honest", "hostile"))
        with _api(settings, honest) as (port, pid):
            return flood.run(flood.Service(port, pid, honest, hostile), kinds, connections, seconds, print_status)


@contextmanager
def _api(settings: Settings, key: str) -> Iterator[tuple[int, int]]:
    """The API alone: what a worker does beside it is not measured. Gives its port and its process
    id."""
    log = settings.root / "log"
    log.mkdir(parents=True, exist_ok=True)
    address_file_path(settings.root).unlink(missing_ok=True)
    with (log / "api.log").open("wb") as output:
        api = subprocess.Popen([sys.executable, "-P", "-m", "api"], env=build_environment(settings), stderr=output)
        try:
            yield _ready(settings, api, key), api.pid
        finally:
            api.terminate()
            api.wait()


def _ready(settings: Settings, api: subprocess.Popen[bytes], key: str) -> int:
    """Wait until questions are answered. Returns the port."""
    end = time.monotonic() + START_SECONDS
    reason = "it did not start"
    while time.monotonic() < end and api.poll() is None:
        note = read_address_file(settings.root)
        if note is not None and note.pid == api.pid:
            try:
                with Client(f"http://127.0.0.1:{note.port}", api_key=key) as client:
                    client.search("ready?")
            except MMError as error:
                reason = str(error)
            else:
                return note.port
        time.sleep(0.1)
    raise Unavailable(f"The API does not answer: {reason}")
