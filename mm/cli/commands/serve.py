"""`mm serve`: the service and its web page in the foreground."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

import click

from mm.cli.options import as_json

if TYPE_CHECKING:
    from mm.embedded.supervisor import Supervisor
    from mm.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on; default: MM_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one; default: MM_PORT.")
@as_json
def command(host: str | None, port: int | None, as_json: bool) -> None:
    """Run broker, API and worker on the folder MM_HOME until Ctrl+C or SIGTERM.

    Prints the address of the web page once the service is ready; with --json one line of JSON. A
    process that exits is restarted. Logs are in MM_HOME/log.
    """
    from mm.settings import load_settings

    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    serve(load_settings(**overrides), as_json=as_json)


class StopRequest:
    """A request to stop that a signal handler can set.

    A `threading.Event` can deadlock in a signal handler; `SimpleQueue.put` is reentrant.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self.is_set = True
        self.wake()

    def wake(self) -> None:
        """End a `wait`."""
        self._wake.put(None)

    def wait(self) -> None:
        """Block without polling until `set` or `wake` is called; signal handlers run meanwhile."""
        self._wake.get()


def serve(settings: Settings, *, as_json: bool) -> None:
    """Run the service until a signal. Raises `MMError` when it cannot be started or has failed."""
    import mm
    from mm.embedded.connect import print_status
    from mm.embedded.supervisor import Supervisor
    from mm.errors import MMError

    print_status(f"mm {mm.__version__} on {settings.root}")
    if not settings.is_local and not settings.needs_key:
        print_status(f"MM_KEYS is off: any client that can connect to {settings.host} can read and change this library.")
    with _stop_on_signals() as stop:
        try:
            with Supervisor(settings, print_status) as supervisor:
                _wait_for_stop(supervisor, stop, as_json=as_json)
        except MMError:
            if not stop.is_set:
                raise
    print_status("stopped")


def _wait_for_stop(supervisor: Supervisor, stop: StopRequest, *, as_json: bool) -> None:
    from mm.embedded.connect import print_status

    threading.Thread(target=_print_address, args=(supervisor, as_json), daemon=True).start()
    threading.Thread(target=_wake_at_end, args=(supervisor, stop), daemon=True).start()
    stop.wait()
    if stop.is_set:
        print_status("stopping")
    else:
        assert supervisor.failure is not None
        raise supervisor.failure


def _wake_at_end(supervisor: Supervisor, stop: StopRequest) -> None:
    supervisor.wait_ended()
    stop.wake()


def _print_address(supervisor: Supervisor, as_json: bool) -> None:
    from mm.embedded.connect import print_status
    from mm.errors import MMError

    try:
        supervisor.wait_ready()
    except MMError as error:
        if supervisor.failure is None:
            print_status(str(error))
        return
    if as_json:
        click.echo(json.dumps({"url": supervisor.url, "home": str(supervisor.settings.root), "pids": supervisor.pids()}))
    else:
        click.echo(f"The web page is at {supervisor.url}/. Ctrl+C stops the service.")


@contextmanager
def _stop_on_signals() -> Iterator[StopRequest]:
    """The first SIGINT or SIGTERM sets the request; the next raises `KeyboardInterrupt`."""
    stop = StopRequest()

    def request_stop(number: int, frame: FrameType | None) -> None:
        if stop.is_set:
            raise KeyboardInterrupt
        stop.set()

    previous = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
