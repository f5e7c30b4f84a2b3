"""`mm bench idle`: run the bench on a service with an empty home folder."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from mm.bench.crash.postgresql import Postgresql
from mm.bench.idle.processes import IdleReport, measure_at_rest, time_to_search
from mm.bench.temporary_home import temporary_home
from mm.client import Client
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.spaces import load_space

if TYPE_CHECKING:
    from collections.abc import Mapping

REST_SECONDS = 45.0
"""Pause before the measurement; an idle worker reaches its longest sweep interval in it."""


def measure(seconds: float, items: int, catalog: Literal["sqlite", "postgresql"]) -> IdleReport:
    """Run the bench with the settings of the environment. Raises the errors of the service."""
    with ExitStack() as stack:
        settings = stack.enter_context(temporary_home())
        server = stack.enter_context(Postgresql(settings.home.parent / "postgresql")) if catalog == "postgresql" else None
        # A worker without a fixed runtime measures the runtimes while it is idle, once per library.
        update = {
            "runtime": load_space(settings.space, settings).runtime_name,
            "database_url": "" if server is None else server.url,
        }
        supervisor = stack.enter_context(Supervisor(settings.model_copy(update=update), on_warning=print_status))
        client = stack.enter_context(Client(supervisor.url))
        supervisor.wait_ready()
        time_to_search(client, 0)  # loads the towers

        def list_processes() -> Mapping[str, int]:
            database = {} if server is None else {"PostgreSQL": server.pid}
            return {**supervisor.pids(), **database, "supervisor": os.getpid()}

        print_status(f"waiting {REST_SECONDS:.0f} s, then measuring {seconds:.0f} s")
        time.sleep(REST_SECONDS)
        rows = measure_at_rest(list_processes, seconds)
        return IdleReport(seconds, rows, [time_to_search(client, number) for number in range(1, items + 1)])
