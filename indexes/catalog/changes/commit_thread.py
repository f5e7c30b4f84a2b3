"""A thread that works at its start and after each commit of any process."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import MMError

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.catalog.changes.watch import CatalogWatch


class CommitThread:
    """Calls a function at once, after each commit, and sometimes without one.

    The thread runs inside a `with` block. Calls do not overlap. An `MMError` is logged once while
    it persists, and the call is repeated after `retry_seconds`.
    """

    def __init__(
        self, watch: CatalogWatch, name: str, work: Callable[[], float | None], warning: str, retry_seconds: float
    ) -> None:
        """`work` returns the seconds after which it is called again without a commit; None if it
        need not be. `warning` is the event that is logged for an error."""
        self._watch = watch
        self._work = work
        self._warning = warning
        self._retry_seconds = retry_seconds
        self._stopped = threading.Event()
        self._committed = threading.Event()
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._committed = self._stack.enter_context(self._watch.subscribe())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread after the call in progress. May be called again."""
        self._stopped.set()
        self.wake()
        self._thread.join()
        self._stack.close()

    def wake(self) -> None:
        """Call the function soon, also without a commit. Safe to use from several threads."""
        self._committed.set()

    def _run(self) -> None:
        log, last_error = structlog.get_logger(), ""
        while not self._stopped.is_set():
            error, seconds = "", None
            try:
                seconds = self._work()
            except MMError as raised:
                error, seconds = str(raised), self._retry_seconds
            if error and error != last_error:
                log.warning(self._warning, detail=error)
            last_error = error
            self._watch.wait(self._committed, seconds)
