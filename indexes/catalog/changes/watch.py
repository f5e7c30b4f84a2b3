"""Notifies the threads of one process when the catalog may have changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from indexes.catalog.changes.detect import open_changes
from mm.errors import Unavailable

if TYPE_CHECKING:
    from indexes.catalog.database import Database

MAX_WAIT_SECONDS = 30.0
"""Longest time between two reads of a subscriber, also without a notification."""


class CatalogWatch:
    """Runs one thread that waits for changes while there are subscribers.

    Safe to use from several threads, not across a fork.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        """`seconds` is the interval of polling, where the database sends no notifications."""
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._subscribers: list[threading.Event] = []
        self._thread: _WatchThread | None = None

    @contextmanager
    def subscribe(self) -> Iterator[threading.Event]:
        """Yield an event that is set after each commit of any process, and sometimes without one.

        A subscriber clears the event before it reads the catalog.
        """
        event = threading.Event()
        with self._lock:
            self._subscribers.append(event)
            if self._thread is None:
                self._thread = _WatchThread(self._database, self._seconds, self._set_events)
                self._thread.start()
        try:
            yield event
        finally:
            with self._lock:
                self._subscribers.remove(event)
                ended = None if self._subscribers else self._thread
                self._thread = None if ended is not None else self._thread
            if ended is not None:
                ended.stop()

    def wait(self, event: threading.Event, seconds: float | None = None) -> None:
        """Wait for the event and clear it, for at most `seconds`, by default `MAX_WAIT_SECONDS`."""
        event.wait(max(self._seconds, MAX_WAIT_SECONDS) if seconds is None else seconds)
        event.clear()

    def _set_events(self) -> None:
        with self._lock:
            for event in self._subscribers:
                event.set()


class _WatchThread(threading.Thread):
    """Calls `on_change` when the catalog may have changed, until it is stopped."""

    def __init__(self, database: Database, seconds: float, on_change: Callable[[], None]) -> None:
        super().__init__(name="catalog-watch", daemon=True)
        self._database = database
        self._seconds = seconds
        self._on_change = on_change
        self._stopped = threading.Event()
        self._readable, self._writable = os.pipe()
        self._failing = ""
        """Why the change source is unavailable; empty while it is open."""

    def stop(self) -> None:
        self._stopped.set()
        os.write(self._writable, b"x")
        self.join()
        os.close(self._readable)
        os.close(self._writable)

    def run(self) -> None:
        log = structlog.get_logger()
        while not self._stopped.is_set():
            try:
                self._watch_changes()
                continue
            except Unavailable as error:
                reason = str(error)
                if not self._failing:  # once, not at every attempt
                    log.warning("catalog notifications unavailable, polling the catalog", detail=reason)
            except Exception as error:  # the thread must keep running
                reason = repr(error)
                if reason != self._failing:
                    log.exception("catalog watch failed, polling the catalog")
            self._failing = reason
            self._on_change()
            self._stopped.wait(self._seconds)

    def _watch_changes(self) -> None:
        """Call `on_change` for changes until the thread is stopped.

        Raises `Unavailable` when the source fails.
        """
        with open_changes(self._database, self._seconds) as changes:
            self._failing = ""
            self._on_change()  # changes committed before the source was open
            while (changed := changes.wait(self._readable)) is not None:
                if changed:
                    self._on_change()
