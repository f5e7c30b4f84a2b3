"""A client of the service that a command works with: elsewhere, already running here, or started
for the command's duration."""

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

ATTACH_SECONDS = 60.0  # longest wait for a service that another process is starting or stopping
POLL_SECONDS = 0.1
TERMINATED = 128 + signal.SIGTERM


@contextmanager
def connect(url: str | None) -> Iterator[Client]:
    """A client for as long as the block lasts. What is started for it is stopped behind it.

    Raises `Unavailable` when the service cannot be started.
    """
    if url is not None:
        with Client(url) as client:
            yield client
        return
    settings = load_settings()
    use = HomeLock(settings.root, "use")
    # Whoever started the service stops it only when nobody shares this lock.
    use.share(lambda: print_status("waiting for another command to stop the service"))
    try:
        found = _find_or_lock(settings)
        if isinstance(found, str):
            with Client(found) as client:
                yield client
        else:
            with exit_on_sigterm(), _stack(settings, found) as stack, Client(stack.url) as client:
                try:
                    yield client
                except MMError:
                    _let_others_finish(use)
                    raise
                _let_others_finish(use)
    finally:
        use.release()


def _find_or_lock(settings: Settings) -> str | HomeLock:
    """Address of the service that runs on the home folder, or the right to start it."""
    end = time.monotonic() + ATTACH_SECONDS
    while True:
        if (url := find_running_service(settings.root)) is not None:
            return url
        try:
            return lock_home(settings.root)
        except Conflict:  # it is being started or stopped, or it died and is being started again
            if time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


@contextmanager
def _stack(settings: Settings, lock: HomeLock) -> Iterator[Supervisor]:
    """The service, with a port of its own, for this machine only. When it gave up, that is why
    nothing answers."""
    from mm.embedded.supervisor import Supervisor

    print_status(f"starting the service on {settings.root}")
    with Supervisor(settings.model_copy(update={"host": "127.0.0.1", "port": 0}), on_warning=print_status, lock=lock) as stack:
        try:
            yield stack
        except Unavailable as error:
            if stack.failure is None:
                raise
            raise stack.failure from error


def _let_others_finish(use: HomeLock) -> None:
    use.release()
    use.exclude(lambda: print_status("waiting for other commands that use the service"))


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM ends the program as Ctrl+C does, so that what was started is stopped."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_status(line: str) -> None:
    """Tell what happens, beside the output."""
    click.echo(line, err=True)
