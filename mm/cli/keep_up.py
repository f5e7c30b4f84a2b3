"""The service in the foreground."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

import click

import mm
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.errors import MMError
from mm.settings import Settings


class Stop:
    """A request to stop. `request` may be called from a signal handler, where a `threading.Event`
    could block for ever."""

    def __init__(self) -> None:
        self.requested = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def request(self) -> None:
        self.requested = True
        self.wake()

    def wake(self) -> None:
        """End a `wait`."""
        self._wake.put(None)

    def wait(self) -> None:
        """Block until `request` or `wake` is called, without a timer. Signal handlers run
        meanwhile."""
        self._wake.get()


def keep_up(settings: Settings, *, as_json: bool) -> None:
    """Serve until a signal says stop. Raises `MMError` when the service cannot be started or gave
    up."""
    print_status(f"mm {mm.__version__} on {settings.root}")
    if not settings.is_local and not settings.needs_key:
        print_status(f"Anyone who reaches {settings.host} can read and change this library: MM_KEYS is off.")
    with _stop_signals() as stop:
        try:
            with Supervisor(settings, print_status) as stack:
                _serve(stack, stop, as_json=as_json)
        except MMError:
            if not stop.requested:
                raise
    print_status("stopped")


def _serve(stack: Supervisor, stop: Stop, *, as_json: bool) -> None:
    threading.Thread(target=_announce, args=(stack, as_json), daemon=True).start()
    threading.Thread(target=_wake_at_end, args=(stack, stop), daemon=True).start()
    stop.wait()
    if stop.requested:
        print_status("stopping")
    else:
        assert stack.failure is not None
        raise stack.failure


def _wake_at_end(stack: Supervisor, stop: Stop) -> None:
    stack.wait_ended()
    stop.wake()


def _announce(stack: Supervisor, as_json: bool) -> None:
    try:
        stack.wait_ready()
    except MMError as error:
        if stack.failure is None:
            print_status(str(error))
        return
    if as_json:
        click.echo(json.dumps({"url": stack.url, "home": str(stack.settings.root), "pids": stack.pids()}))
    else:
        click.echo(f"The page is at {stack.url}/ and stays until Ctrl+C.")


@contextmanager
def _stop_signals() -> Iterator[Stop]:
    """A stop that the first Ctrl+C or SIGTERM requests; the next one interrupts."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.request()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
