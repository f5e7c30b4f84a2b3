"""The sweeper: rings again for lost work, has the workers show that they work, removes what crashes left behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import structlog

from mm.errors import Unavailable
from workers.move import carry_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes import Store
    from mm.settings import Settings
    from workers.hearing import Hearing
    from workers.measure import Measuring
    from workers.ring import Bell

SILENT_SWEEPS = 3
"""Sweeps that a bell may go unheard before it is rung again, with nothing else waiting."""
CLEAN_SECONDS = 600.0
"""How often leftovers of crashes are looked for, at least; more often where they are to go sooner."""


class Sweeper:
    """Runs in a thread of the working process, never in the one that forks: SQLite must not be open across a fork.

    Any number may run at once: the catalog marks what was rung, and ringing twice does no harm.
    """

    def __init__(
        self,
        store: Store,
        bell: Bell,
        settings: Settings,
        hearing: Hearing | None = None,
        on_deaf: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.time,
        text_waits: Callable[[], bool] = lambda: False,
        measuring: Measuring | None = None,
    ) -> None:
        """`text_waits` says whether a worker with nothing else to do has text to read; `measuring` compares runtimes when it has
        neither.

        `on_deaf` is called when `hearing` says that the tasks of this process do not come any more; `clock` is the store's."""
        self._hearing = hearing
        self._on_deaf = on_deaf
        self._clock = clock
        self._text_waits = text_waits
        self._measuring = measuring
        self._store = store
        self._bell = bell
        self._every = settings.sweep_seconds
        self._lease_seconds = settings.lease_seconds
        self._leftover_seconds = settings.leftover_seconds
        self._clean_at = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def sweep(self) -> int:
        """One round. Returns how many bells were rung.

        Raises `Unavailable` when the broker or the catalog does not answer.
        """
        waiting = self._bell.waiting()
        self._listen(waiting)
        # With much work waiting, bells are answered late, not lost.
        silent_for = self._every * SILENT_SWEEPS * (1 + waiting)
        now = self._clock()
        self._store.catalog.pull_back(now, self._lease_seconds)
        rows = self._store.catalog.jobs_to_ring(now, silent_for)
        for row in rows:
            self._bell.ring(row)
        given_out = carry_on(self._store, self._bell)
        reading = waiting == given_out == 0 and self._text_waits()
        if reading:
            self._bell.ring_read(expires=self._every)
        elif waiting == given_out == 0:  # otherwise the work itself shows it
            self._bell.ping(expires=self._every)
        if self._measuring is not None:
            self._measuring.step(idle=not reading and not self._store.catalog.work_waits())
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + min(CLEAN_SECONDS, self._leftover_seconds)
            self._store.sweep(self._leftover_seconds)
        return len(rows) + given_out

    def _run(self) -> None:
        log = structlog.get_logger()
        away = False
        while not self._stopped.is_set():
            try:
                if rung := self.sweep():
                    log.info("rang again", bells=rung)
                away = False
            except Unavailable as error:
                self._listen(None)
                if not away:  # once, not at every sweep
                    log.warning("no sweep until it is back", detail=str(error))
                away = True
            except Exception:  # without the sweeper, what is lost stays lost
                log.exception("sweep failed")
            self._stopped.wait(self._every)

    def _listen(self, waiting: int | None) -> None:
        if self._hearing is not None and self._on_deaf is not None and self._hearing.is_deaf(waiting):
            self._on_deaf()
