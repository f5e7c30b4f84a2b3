"""`mm bench idle`: a service on a folder of its own, left alone, then given a few pictures."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mm.bench.crash.postgresql import Postgresql
from mm.bench.idle.processes import IdleReport, measure_at_rest, time_to_search
from mm.bench.ingest.service import copy_model_cache
from mm.client import Client
from mm.embedded.connect import exit_on_sigterm, print_status
from mm.embedded.supervisor import Supervisor
from mm.settings import load_settings
from mm.spaces import load_space

if TYPE_CHECKING:
    from collections.abc import Mapping

REST_SECONDS = 45.0
"""From the last work until the measurement: by then an idle worker looks for lost work as seldom as
it ever does."""


def measure(seconds: float, items: int, catalog: Literal["sqlite", "postgresql"]) -> IdleReport:
    """Run the bench with the settings of the environment, except for folder and catalog. Raises
    what the service raises."""
    with exit_on_sigterm(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mm-idle-")))
        server = stack.enter_context(Postgresql(folder / "postgresql")) if catalog == "postgresql" else None
        home = folder / "home"
        copy_model_cache(load_settings().root / "cache", home / "cache")
        url = "" if server is None else server.url
        given = load_settings(home=home, host="127.0.0.1", port=0, database_url=url, broker_url="")
        # A runtime that is set is not measured by an idle worker, as it would be once in the life
        # of a library.
        settings = given.model_copy(update={"runtime": load_space(given.space, given).runtime_name})
        service = stack.enter_context(Supervisor(settings, on_warning=print_status))
        client = stack.enter_context(Client(service.url))
        service.wait_ready()
        time_to_search(client, 0)  # so that everything is loaded that an item needs

        def processes() -> Mapping[str, int]:
            database = {} if server is None else {"PostgreSQL": server.pid}
            return {**service.pids(), **database, "supervisor": os.getpid()}

        print_status(f"waiting {REST_SECONDS:.0f} s for rest, measuring {seconds:.0f} s")
        time.sleep(REST_SECONDS)
        rows = measure_at_rest(processes, seconds)
        return IdleReport(seconds, rows, [time_to_search(client, number) for number in range(1, items + 1)])
