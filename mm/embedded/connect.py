"""Connect a command to the service: remote, already running, or started for the command."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from mm.client import Client
from mm.embedded.address_file import find_running_service
from mm.embedded.home_lock import HomeLock, lock_home
from mm.errors import Conflict, MMError, Unavailable
from mm.settings import Settings, load_settings

if TYPE_CHECKING:
    from mm.embedded.supervisor import Supervisor

ATTACH_SECONDS = 60.0  # longest wait for a service that another process starts or stops
POLL_SECONDS = 0.1
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def connect(url: str | None) -> Iterator[Client]:
    """Connect to the service; a service that was started for the block is stopped after it.

    Without `url` the service is that of MM_HOME. Raises `Unavailable` when it cannot be started.
    """
    if url is not None:
        with Client(url) as client:
            yield client
        return
    settings = load_settings()
    # Every command holds this lock shared. The process that started the service stops it only
    # after it has acquired the lock exclusively, that is when no other command uses the service.
    use_lock = HomeLock(settings.root, "use")
    try:
        use_lock.acquire_shared(lambda: print_status("waiting for another command to stop the service"))
        service = _find_or_lock(settings)
        if isinstance(service, str):
            with Client(service) as client:
                yield client
        else:
            with exit_on_sigterm(), _run_supervisor(settings, service) as supervisor, Client(supervisor.url) as client:
                try:
                    yield client
                except MMError:
                    _wait_for_other_commands(use_lock)
                    raise
                _wait_for_other_commands(use_lock)
    finally:
        use_lock.release()


def _find_or_lock(settings: Settings) -> str | HomeLock:
    """Address of the service that runs on the home folder, or the lock to start one."""
    end = time.monotonic() + ATTACH_SECONDS
    while True:
        if (url := find_running_service(settings.root)) is not None:
            return url
        try:
            return lock_home(settings.root)
        except Conflict:  # the service is starting, stopping or restarting
            if time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


@contextmanager
def _run_supervisor(settings: Settings, lock: HomeLock) -> Iterator[Supervisor]:
    """Run the service on loopback with a free port.

    If the supervisor has failed, its error replaces that of a request without a response.
    """
    from mm.embedded.supervisor import Supervisor

    print_status(f"starting the service on {settings.root}")
    local = settings.model_copy(update={"host": "127.0.0.1", "port": 0})
    supervisor = Supervisor(local, on_warning=print_status, lock=lock)
    try:
        with supervisor:
            yield supervisor
    except Unavailable as error:
        if supervisor.failure is None or supervisor.failure is error:
            raise
        raise supervisor.failure from error
    finally:
        supervisor.stop()  # a signal handler may have raised in `__exit__` before it began to stop


def _wait_for_other_commands(use_lock: HomeLock) -> None:
    use_lock.release()
    use_lock.acquire_exclusive(lambda: print_status("waiting for other commands that use the service"))


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Within the block, SIGTERM raises `SystemExit`, so that context managers clean up."""

    def exit_program(number: int, frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, exit_program)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def print_status(line: str) -> None:
    """Print a line on standard error, beside the results on standard output."""
    click.echo(line, err=True)
