"""The service in the foreground."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

import mm
from mm.cli.service import say
from mm.cli.stack import Stack
from mm.errors import MMError
from mm.settings import Settings

POLL_SECONDS = 0.2


def keep_up(settings: Settings, *, as_json: bool) -> None:
    """Serve until a signal says stop. Raises `MMError` when the service cannot be started or gave up."""
    say(f"mm {mm.__version__} on {settings.root}")
    if not settings.is_local and not settings.needs_key:
        say(f"Anyone who reaches {settings.host} can read and change this library: MM_KEYS is off.")
    with _stop_signals() as stop:
        try:
            with Stack(settings, say) as stack:
                _serve(stack, stop, as_json=as_json)
        except MMError:
            if not stop.is_set():
                raise
    say("stopped")


def _serve(stack: Stack, stop: threading.Event, *, as_json: bool) -> None:
    threading.Thread(target=_announce, args=(stack, as_json), daemon=True).start()
    while not stop.wait(POLL_SECONDS):
        if stack.wait_ended(0):
            assert stack.failure is not None
            raise stack.failure
    say("stopping")


def _announce(stack: Stack, as_json: bool) -> None:
    try:
        stack.wait_ready()
    except MMError as error:
        if stack.failure is None:
            say(str(error))
        return
    if as_json:
        click.echo(json.dumps({"url": stack.url, "home": str(stack.settings.root), "pids": stack.pids()}))
    else:
        click.echo(f"The page is at {stack.url}/ and stays until Ctrl+C.")


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Set by the first Ctrl+C or SIGTERM; the next one interrupts."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
