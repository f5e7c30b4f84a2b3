"""Tells the threads of one process when the catalog may have changed, so that none of them polls
it."""

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

NET_SECONDS = 30.0
"""Longest time between two looks of a subscriber at the catalog, whatever it was told."""


class CatalogWatch:
    """One thread that follows the catalog while there are subscribers. Safe to use from several
    threads, not across a fork."""

    def __init__(self, database: Database, seconds: float) -> None:
        """Where the catalog cannot announce its changes, subscribers are told every `seconds`.
        Starts nothing."""
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._subscribers: list[threading.Event] = []
        self._thread: _Follower | None = None

    @contextmanager
    def subscribe(self) -> Iterator[threading.Event]:
        """An event that is set after each commit of any process, and now and then without one.
        Whoever waits for it clears it first and reads the catalog then.
        """
        event = threading.Event()
        with self._lock:
            self._subscribers.append(event)
            if self._thread is None:
                self._thread = _Follower(self._database, self._seconds, self._announce)
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
        """Block until the event is set, for `seconds` at most; by default until the next look is
        due anyway."""
        event.wait(max(self._seconds, NET_SECONDS) if seconds is None else seconds)
        event.clear()

    def _announce(self) -> None:
        with self._lock:
            for event in self._subscribers:
                event.set()


class _Follower(threading.Thread):
    """Calls `announce` when the catalog may have changed, until it is stopped."""

    def __init__(self, database: Database, seconds: float, announce: Callable[[], None]) -> None:
        super().__init__(name="catalog-watch", daemon=True)
        self._database = database
        self._seconds = seconds
        self._announce = announce
        self._stopped = threading.Event()
        self._readable, self._writable = os.pipe()
        self._failing = ""
        """Why the catalog cannot be followed now."""

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
                self._follow()
                continue
            except Unavailable as error:
                reason = str(error)
                if not self._failing:  # once, not at every try
                    log.warning("the catalog announces no changes: it is polled", detail=reason)
            except Exception as error:  # without this thread, changes are noticed late
                reason = repr(error)
                if reason != self._failing:
                    log.exception("the catalog is not followed: it is polled")
            self._failing = reason
            self._announce()
            self._stopped.wait(self._seconds)

    def _follow(self) -> None:
        """Announce until the thread is stopped. Raises `Unavailable`."""
        with open_changes(self._database, self._seconds) as changes:
            self._failing = ""
            self._announce()  # what was committed before it was open
            while (changed := changes.wait(self._readable)) is not None:
                if changed:
                    self._announce()
