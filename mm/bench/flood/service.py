"""`mm bench flood`: run the bench on an API with an empty home folder, without a worker."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mm.bench.flood import report as flood
from mm.bench.temporary_home import temporary_home
from mm.client import Client
from mm.embedded.address_file import address_file_path, read_address_file
from mm.embedded.connect import print_status
from mm.embedded.environment import build_environment
from mm.errors import MMError, Unavailable
from mm.keys import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mm.bench.flood.attack import Kind
    from mm.bench.flood.report import FloodReport
    from mm.settings import Settings

START_SECONDS = 180.0
ALL_ADDRESSES = "0.0.0.0"
"""Enables the limits that apply when other machines can connect."""


def measure(kinds: Sequence[Kind], connections: int, seconds: float) -> FloodReport:
    """Run the bench with the settings of the environment. Raises `Unavailable`."""
    with temporary_home(host=ALL_ADDRESSES) as settings:
        keys = KeyFile(settings.root)
        honest, hostile = (keys.add(name, "write")[1] for name in ("honest", "hostile"))
        with _run_api(settings, honest) as (port, pid):
            return flood.run(flood.Service(port, pid, honest, hostile), kinds, connections, seconds, print_status)


@contextmanager
def _run_api(settings: Settings, key: str) -> Iterator[tuple[int, int]]:
    """Run the API alone, so that no worker affects the times; yields its port and process id."""
    log = settings.root / "log"
    log.mkdir(parents=True, exist_ok=True)
    address_file_path(settings.root).unlink(missing_ok=True)
    with (log / "api.log").open("wb") as output:
        api = subprocess.Popen([sys.executable, "-P", "-m", "api"], env=build_environment(settings), stderr=output)
        try:
            yield _wait_ready(settings, api, key), api.pid
        finally:
            api.terminate()
            api.wait()


def _wait_ready(settings: Settings, api: subprocess.Popen[bytes], key: str) -> int:
    """Wait until a search succeeds. Returns the port."""
    end = time.monotonic() + START_SECONDS
    reason = "it did not start"
    while time.monotonic() < end and api.poll() is None:
        address = read_address_file(settings.root)
        if address is not None and address.pid == api.pid:
            try:
                with Client(f"http://127.0.0.1:{address.port}", api_key=key) as client:
                    client.search("ready?")
            except MMError as error:
                reason = str(error)
            else:
                return address.port
        time.sleep(0.1)
    raise Unavailable(f"The API does not respond: {reason}")
