"""The right to work on chunks: held by heartbeats, lost without them, given back on the way out."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.catalog.catalog import Catalog
    from workers.stop import StopFlag

HEARTBEATS_PER_LEASE = 5
"""Heartbeats in the time of one lease."""
MAX_HEARTBEAT_SECONDS = 3.0
"""Most seconds between two heartbeats: so long a cancelled job may run on."""


class Interrupted(Exception):
    """The work on the chunk must end here, for a reason that is no fault of the chunk."""

    def __init__(self, reason: str, *, is_shutdown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_shutdown = is_shutdown


class Lease:
    """Renews the leases on chunks from a thread of its own. Work goes into a `with` block and calls
    `check` now and then."""

    def __init__(self, catalog: Catalog, chunk_pks: Sequence[int], owner: str, seconds: float, stop: StopFlag) -> None:
        self._catalog = catalog
        self._held = set(chunk_pks)
        self._owner = owner
        self._seconds = seconds
        self._stop = stop
        self._done = threading.Event()
        self._interrupted: str | None = None
        self._thread = threading.Thread(target=self._hold, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raise `Interrupted` when all leases are gone, all jobs were cancelled or the worker is to
        stop."""
        if self._stop.is_set():
            raise Interrupted("the worker stops", is_shutdown=True)
        if self._interrupted is not None:
            raise Interrupted(self._interrupted)

    def _hold(self) -> None:
        interval = min(self._seconds / HEARTBEATS_PER_LEASE, MAX_HEARTBEAT_SECONDS)
        while not self._done.wait(interval):
            try:
                self._held = {pk for pk in self._held if self._catalog.extend_lease(pk, self._owner, self._seconds)}
            except Unavailable as error:  # the lease outlasts a few missed beats
                structlog.get_logger().warning("heartbeat missed", chunks=sorted(self._held), detail=str(error))
                continue
            if not self._held:
                self._interrupted = "lease lost or job cancelled"
                return
