"""One worker with its worker processes, which runs until a signal stops it."""

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
from mm.models.speech.choice import MOONSHINE, SpeechOptions
from mm.models.speech.tower import check_recognizer
from mm.private import restrict_umask
from mm.settings import load_settings
from mm.spaces import select_runtime_name
from workers.app import create_app
from workers.context_owner import ContextOwner
from workers.loaded_spaces import apply_library_space, needs_larger_space
from workers.logs import configure_logs
from workers.messaging.wakeup import WakeOnSignal, reset_wakeup_fd

if TYPE_CHECKING:
    from mm.settings import Settings

SOFT_SHUTDOWN_SECONDS = 10.0
"""Time for running tasks after SIGQUIT or a second Ctrl+C, before they are terminated."""
TERMINATE_SECONDS = 5.0
"""Time for a stalled worker to exit after SIGTERM, before SIGKILL."""


def run_worker(settings: Settings) -> int:
    """Run the worker until a signal, and return the exit status.

    Raises `MMError` if it cannot start.
    """
    configure_logs(settings.log_level)
    # Celery warns about running as root with pickled messages, but only JSON is accepted here, and
    # about a default that is set here.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.simplefilter("ignore", category)
    if settings.speech != MOONSHINE:  # a damaged model ends the start here, not each task
        check_recognizer(SpeechOptions.from_settings(settings))
    # A failed migration or a folder that is not writable ends the start here with its error, and
    # nothing stays open across the fork.
    with open_store(settings) as store:
        settings, larger = apply_library_space(settings, store.catalog), needs_larger_space(store.catalog)
    main = os.getpid()
    runtime = select_runtime_name(settings) if settings.space == "lite" else None  # the same for replaced processes
    context_owner = ContextOwner(settings, lambda reason: end_worker(main, reason), runtime=runtime)
    app = create_app(settings, context_owner, larger=larger)
    app.conf.worker_soft_shutdown_timeout = SOFT_SHUTDOWN_SECONDS
    app.steps["worker"].add(WakeOnSignal)
    connect_signals(context_owner)
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
    """Terminate this worker process and its parent `main`, so that the supervisor restarts them.

    A worker that receives no messages after losing the broker, or whose task is stalled, does not
    recover by itself. The lease of a stalled task expires, and its attempt counts.
    """
    structlog.get_logger().error(f"worker terminated: {reason}")
    if os.getppid() == main:
        os.kill(main, signal.SIGTERM)  # process 1 of a container ignores SIGKILL from inside, but handles SIGTERM
        time.sleep(TERMINATE_SECONDS)  # if it exits, this process exits with it
    if os.getppid() == main:
        os.kill(main, signal.SIGKILL)
    os._exit(1)


def connect_signals(context_owner: ContextOwner) -> None:
    """Open and close the context with the processes of this worker."""

    def skip_log_setup(**_: object) -> None:
        """A connected handler keeps Celery from configuring logging."""

    def on_process_start(**_: object) -> None:
        reset_wakeup_fd()
        context_owner.start()

    def on_process_shutdown(**_: object) -> None:
        context_owner.close()

    def on_worker_shutdown(**_: object) -> None:
        context_owner.stop.set()  # runs in a signal handler: it must only write to shared memory

    def on_worker_ready(**_: object) -> None:
        structlog.get_logger().info("worker ready", home=str(context_owner.settings.root), space=context_owner.settings.space)

    signals.setup_logging.connect(skip_log_setup, weak=False)
    signals.worker_process_init.connect(on_process_start, weak=False)
    signals.worker_process_shutdown.connect(on_process_shutdown, weak=False)
    signals.worker_shutting_down.connect(on_worker_shutdown, weak=False)
    signals.worker_ready.connect(on_worker_ready, weak=False)


def run() -> int:
    """Return the exit status."""
    restrict_umask()
    try:
        return run_worker(load_settings())
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
