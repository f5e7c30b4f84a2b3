"""`python -m workers`: one worker with one working process, until told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import warnings
from typing import TYPE_CHECKING

import structlog
from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from indexes import open_store
from mm.errors import MMError
from mm.private import restrict_umask
from mm.settings import load_settings
from mm.spaces import select_runtime_name
from workers.app import create_app
from workers.context import ContextOwner
from workers.loaded_spaces import moves_to_larger, of_library
from workers.logs import configure_logs
from workers.messaging.wakeup import WakeOnSignal, leave_signals

if TYPE_CHECKING:
    from mm.settings import Settings

SOFT_SECONDS = 10.0
"""Given to running tasks on SIGQUIT or a second Ctrl+C before they are ended."""
ASKED_SECONDS = 5.0
"""Given to a worker that takes nothing any more to end in good order."""


def work(settings: Settings) -> int:
    """Work until a signal comes. Returns the exit status. Raises `MMError` when it cannot start."""
    configure_logs(settings.log_level)
    # Celery warns of running as root because of pickled messages, and only JSON is read here; and
    # of a default that is set here.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.simplefilter("ignore", category)
    # Migrations and a folder that cannot be written fail here, in words, and nothing stays open
    # across the fork.
    with open_store(settings) as store:
        settings, larger = of_library(settings, store.catalog), moves_to_larger(store.catalog)
    main = os.getpid()
    runtime = select_runtime_name(settings) if settings.space == "lite" else None  # the same for processes that take over later
    toolbox = ContextOwner(settings, lambda reason: end_worker(main, reason), runtime=runtime)
    app = create_app(settings, toolbox, larger=larger)
    app.conf.worker_soft_shutdown_timeout = SOFT_SECONDS
    app.steps["worker"].add(WakeOnSignal)
    connect_signals(toolbox)
    worker = app.Worker(
        hostname=f"mm-{os.getpid()}@{socket.gethostname()}",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def end_worker(main: int, reason: str) -> None:
    """End this working process and process `main`, which should bring its tasks, for whoever keeps
    workers up to start them anew.

    A lost connection to the broker can leave a worker that lives and takes nothing, and a task may
    stall; neither gets well by itself. The lease on what a stalled task encodes runs out, and its
    attempt counts.
    """
    structlog.get_logger().error(f"ended: {reason}")
    if os.getppid() == main:
        os.kill(main, signal.SIGTERM)  # the first process of a container cannot be killed from inside, but it can be asked
        time.sleep(ASKED_SECONDS)  # if it obeys, this process ends with it
    if os.getppid() == main:
        os.kill(main, signal.SIGKILL)
    os._exit(1)


def connect_signals(toolbox: ContextOwner) -> None:
    """Tie the tools to the life of the processes of this worker."""

    def keep_logs(**_: object) -> None:
        """Being connected is enough: Celery then leaves the logs as they are."""

    def child_starts(**_: object) -> None:
        leave_signals()
        toolbox.start()

    def child_ends(**_: object) -> None:
        toolbox.close()

    def worker_stops(**_: object) -> None:
        toolbox.stop.raise_()  # runs in a signal handler: one write to shared memory and nothing else

    def worker_is_ready(**_: object) -> None:
        structlog.get_logger().info("worker ready", home=str(toolbox.settings.root), space=toolbox.settings.space)

    signals.setup_logging.connect(keep_logs, weak=False)
    signals.worker_process_init.connect(child_starts, weak=False)
    signals.worker_process_shutdown.connect(child_ends, weak=False)
    signals.worker_shutting_down.connect(worker_stops, weak=False)
    signals.worker_ready.connect(worker_is_ready, weak=False)


def main() -> int:
    restrict_umask()
    try:
        return work(load_settings())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
