"""The sweeper: dispatches lost work again, triggers heartbeats, and collects garbage."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import Unavailable
from workers.place_names import PlaceNaming
from workers.reindex import continue_reindex
from workers.sweep_interval import SweepInterval

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes import Store
    from mm.settings import Settings
    from workers.messaging.dispatch import Dispatcher
    from workers.stall_detector import StallDetector
    from workers.tasks.measure_runtimes import RuntimeMeasurement

MAX_DISPATCHED = 100
"""Maximum messages of one sweep; each is one work unit."""
DISCONNECTED = "work is waiting, and this worker receives no messages"
STALLED = "its work made no progress for MM_STALL_SECONDS"
GARBAGE_SECONDS = 600.0
"""Maximum time between two garbage collections; shorter with a shorter `MM_LEFTOVER_SECONDS`."""


class Sweeper:
    """Runs in a thread of the worker process: SQLite must not be open across a fork.

    Any number may run at once: a superfluous message finds nothing to do.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        settings: Settings,
        stall_detector: StallDetector | None = None,
        on_stall: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
        *,
        record_heartbeat: Callable[[], None] = lambda: None,
        has_waiting_text: Callable[[], bool] = lambda: False,
        has_waiting_captions: Callable[[], bool] = lambda: False,
        measurement: RuntimeMeasurement | None = None,
    ) -> None:
        """`record_heartbeat` is called at each sweep while a task runs.

        `on_stall` is called with the reason when `stall_detector` reports that this process
        receives no messages, or that its task is stalled. `clock` is that of the store.
        `has_waiting_text` reports whether an idle worker has text to recognize,
        `has_waiting_captions` whether it has captions to write when there is no text; `measurement`
        compares runtimes when there is neither.
        """
        self._stall_detector = stall_detector
        self._on_stall = on_stall
        self._clock = clock
        self._record_heartbeat = record_heartbeat
        self._has_waiting_text = has_waiting_text
        self._has_waiting_captions = has_waiting_captions
        self._measurement = measurement
        self._store = store
        self._place_naming = PlaceNaming(store)
        self._dispatcher = dispatcher
        self._sweep_seconds = settings.sweep_seconds
        self._interval = SweepInterval(settings.sweep_seconds)
        self._lease_seconds = settings.lease_seconds
        self._garbage_age = settings.leftover_seconds
        self._garbage_at = time.monotonic()
        self.is_idle = False
        """Whether the last sweep found no waiting or running work."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def sweep(self) -> int:
        """Run one sweep. Returns the number of messages sent.

        Raises `Unavailable` when the broker or the catalog does not respond.
        """
        if self._stall_detector is not None and self._stall_detector.is_busy:
            self._record_heartbeat()
        waiting = self._dispatcher.count_waiting()
        self._check_stalled(waiting)
        open_jobs = self._store.catalog.has_open_jobs()
        lost = self._dispatch_lost(waiting) if open_jobs else 0
        reindexed = continue_reindex(self._store, self._dispatcher)
        has_idle_work = False
        if waiting == lost == reindexed == 0:  # otherwise the work itself records heartbeats
            has_idle_work = self._dispatch_idle_work()
        named = self._place_naming.step()
        if self._measurement is not None:
            self._measurement.step(is_idle=not open_jobs and not has_idle_work)
        if time.monotonic() >= self._garbage_at:
            self._garbage_at = time.monotonic() + min(GARBAGE_SECONDS, self._garbage_age)
            self.collect_garbage()
        is_measuring = self._measurement is not None and self._measurement.is_running  # must end soon after work arrives
        self.is_idle = waiting == reindexed == named == 0 and not open_jobs and not has_idle_work and not is_measuring
        return lost + reindexed

    def collect_garbage(self) -> int:
        """Remove what crashes and deletes left. Returns the number of files and folders."""
        return self._store.sweep(self._garbage_age)

    def _dispatch_idle_work(self) -> bool:
        """Request work on searchable items, or only a heartbeat. Returns whether there is work."""
        expires = self._sweep_seconds
        if self._has_waiting_text():
            self._dispatcher.dispatch_text_reading(expires=expires)
        elif self._has_waiting_captions():
            self._dispatcher.dispatch_captioning(expires=expires)
        else:
            self._dispatcher.ping(expires=expires)
            return False
        return True

    def _dispatch_lost(self, waiting: int) -> int:
        """Send messages for due work that has none. Returns the number of messages."""
        self._store.catalog.clamp_future_times(self._clock(), self._lease_seconds)
        lost = min(max(self._store.catalog.count_due_work(self._lease_seconds) - waiting, 0), MAX_DISPATCHED)
        self._dispatcher.dispatch(lost)
        return lost

    def _run(self) -> None:
        log = structlog.get_logger()
        is_unavailable = False
        while not self._stopped.is_set():
            try:
                if sent := self.sweep():
                    log.info("lost work dispatched again", messages=sent)
                is_unavailable = False
            except Unavailable as error:
                self._check_stalled(None)
                self.is_idle = False
                if not is_unavailable:  # once, not at every sweep
                    log.warning("sweep failed, retrying", detail=str(error))
                is_unavailable = True
            except Exception:  # the sweeper must continue: lost work is dispatched by it only
                self.is_idle = False
                log.exception("sweep failed unexpectedly")
            self._stopped.wait(self._interval.advance(is_idle=self.is_idle))

    def _check_stalled(self, waiting: int | None) -> None:
        if self._stall_detector is None or self._on_stall is None:
            return
        if self._stall_detector.is_stalled():
            self._on_stall(STALLED)
        elif self._stall_detector.is_disconnected(waiting):
            self._on_stall(DISCONNECTED)
