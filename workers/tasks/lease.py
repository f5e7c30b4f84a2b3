"""Leases on chunks and tasks: extended by heartbeats, lost without them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.stop import StopFlag

HEARTBEATS_PER_LEASE = 5
"""Heartbeats during one lease."""
MAX_HEARTBEAT_SECONDS = 3.0
"""Maximum interval of heartbeats, after which a cancelled job stops."""


ExtendLease = Callable[[int, str, float], bool]
CheckLease = Callable[[], None]
"""Raises `Interrupted` when the work must end. Called between its steps."""


class Interrupted(Exception):
    """Raised to end the work on a chunk or a task for a reason other than it."""

    def __init__(self, reason: str, *, is_shutdown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_shutdown = is_shutdown


class Lease:
    """Extends the leases on chunks or tasks in a thread while its `with` block runs.

    The block calls `check` regularly.
    """

    def __init__(self, extend: ExtendLease, pks: Sequence[int], owner: str, seconds: float, stop: StopFlag) -> None:
        """`extend` extends the lease of one key, and returns whether it is still held."""
        self._extend = extend
        self._leased_pks = set(pks)
        self._owner = owner
        self._seconds = seconds
        self._stop = stop
        self._done = threading.Event()
        self._interrupted: str | None = None
        self._thread = threading.Thread(target=self._extend_leases, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raise `Interrupted` when all leases are lost or the worker stops.

        The lease of a cancelled job counts as lost.
        """
        if self._stop.is_set():
            raise Interrupted("the worker stops", is_shutdown=True)
        if self._interrupted is not None:
            raise Interrupted(self._interrupted)

    def _extend_leases(self) -> None:
        interval = min(self._seconds / HEARTBEATS_PER_LEASE, MAX_HEARTBEAT_SECONDS)
        while not self._done.wait(interval):
            try:
                self._leased_pks = {pk for pk in self._leased_pks if self._extend(pk, self._owner, self._seconds)}
            except Unavailable as error:  # the lease lasts longer than a few heartbeats
                structlog.get_logger().warning("heartbeat missed", leases=sorted(self._leased_pks), detail=str(error))
                continue
            if not self._leased_pks:
                self._interrupted = "lease lost or job cancelled"
                return
