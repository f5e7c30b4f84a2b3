"""The sweeper: dispatches lost work again, has the workers show that they work, removes what
crashes left behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import Unavailable
from workers.pace import Pace
from workers.reindex import carry_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes import Store
    from mm.settings import Settings
    from workers.messaging.dispatch import Dispatcher
    from workers.stall_detector import StallDetector
    from workers.tasks.measure import Measuring

MOST_DISPATCHED = 100
"""Messages that one sweep sends at most; each is one turn of a worker."""
DEAF = "work waits, and none of it comes to this worker any more"
STALLED = "its work made no progress for MM_STALL_SECONDS"
CLEAN_SECONDS = 600.0
"""How often leftovers of crashes are looked for, at least; more often where they are to go sooner.
"""


class Sweeper:
    """Runs in a thread of the working process, never in the one that forks: SQLite must not be open
    across a fork.

    Any number may run at once: a message too many finds nothing to do.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        settings: Settings,
        stall_detector: StallDetector | None = None,
        on_deaf: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
        *,
        beat: Callable[[], None] = lambda: None,
        text_waits: Callable[[], bool] = lambda: False,
        measuring: Measuring | None = None,
    ) -> None:
        """`beat` notes in the catalog that this process lives; it is called at each sweep while
        a task runs. `on_deaf` is called with the reason when `stall_detector` says that no
        messages come to this process any more, or that its task is stalled; `clock` is the
        store's. `text_waits` says whether a worker with nothing else to do has text to read;
        `measuring` compares runtimes when it has neither.
        """
        self._stall_detector = stall_detector
        self._on_deaf = on_deaf
        self._clock = clock
        self._beat = beat
        self._text_waits = text_waits
        self._measuring = measuring
        self._store = store
        self._dispatcher = dispatcher
        self._every = settings.sweep_seconds
        self._pace = Pace(settings.sweep_seconds)
        self._lease_seconds = settings.lease_seconds
        self._leftover_seconds = settings.leftover_seconds
        self._clean_at = time.monotonic()
        self.quiet = False
        """Whether the last sweep found nothing that waits or runs."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def sweep(self) -> int:
        """One round. Returns how many messages were sent.

        Raises `Unavailable` when the broker or the catalog does not answer.
        """
        if self._stall_detector is not None and self._stall_detector.busy:
            self._beat()
        waiting = self._dispatcher.waiting()
        self._listen(waiting)
        open_jobs = self._store.catalog.has_open_jobs()
        lost = self._dispatch_lost(waiting) if open_jobs else 0
        given_out = carry_on(self._store, self._dispatcher)
        text_waits = False
        if waiting == lost == given_out == 0:  # otherwise the work itself shows it
            if text_waits := self._text_waits():
                self._dispatcher.dispatch_reading(expires=self._every)
            else:
                self._dispatcher.ping(expires=self._every)
        if self._measuring is not None:
            self._measuring.step(idle=not open_jobs and not text_waits)
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + min(CLEAN_SECONDS, self._leftover_seconds)
            self.collect_garbage()
        measures = self._measuring is not None and self._measuring.running  # which is to make way for work soon
        self.quiet = waiting == given_out == 0 and not open_jobs and not text_waits and not measures
        return lost + given_out

    def collect_garbage(self) -> int:
        """Remove what crashes and deletes left behind. Returns how many files and folders."""
        return self._store.sweep(self._leftover_seconds)

    def _dispatch_lost(self, waiting: int) -> int:
        """Send messages for work that is due and for which none waits. Returns how many."""
        self._store.catalog.clamp_future_times(self._clock(), self._lease_seconds)
        lost = min(max(self._store.catalog.count_due_work(self._lease_seconds) - waiting, 0), MOST_DISPATCHED)
        self._dispatcher.dispatch(lost)
        return lost

    def _run(self) -> None:
        log = structlog.get_logger()
        away = False
        while not self._stopped.is_set():
            try:
                if sent := self.sweep():
                    log.info("dispatched again", messages=sent)
                away = False
            except Unavailable as error:
                self._listen(None)
                self.quiet = False
                if not away:  # once, not at every sweep
                    log.warning("no sweep until it is back", detail=str(error))
                away = True
            except Exception:  # without the sweeper, what is lost stays lost
                self.quiet = False
                log.exception("sweep failed")
            self._stopped.wait(self._pace.after(quiet=self.quiet))

    def _listen(self, waiting: int | None) -> None:
        if self._stall_detector is None or self._on_deaf is None:
            return
        if self._stall_detector.is_stalled():
            self._on_deaf(STALLED)
        elif self._stall_detector.is_disconnected(waiting):
            self._on_deaf(DEAF)
