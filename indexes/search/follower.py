"""Background threads that keep a snapshot of an index up to date and merge its parts."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import numpy as np
import structlog

from indexes.vectors.index import SpaceIndex
from indexes.vectors.snapshot import EMPTY, Snapshot
from mm.errors import Corrupt, MMError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.store import Store
    from indexes.vectors.manifest import Manifest
    from mm.spaces.types import SpaceId

LOCK_SECONDS = 60.0
"""Longest wait for another process that writes the index, in an explicit refresh."""
BACKGROUND_LOCK_SECONDS = 1.0
"""Longest wait for it in a background thread, and before a search."""
MERGE_SECONDS = 60.0
"""Longest time between two checks for parts to merge."""
ATTEMPTS = 3
"""Reads of the index that fail because another process changes it or because parts are damaged."""


class IndexFollower:
    """Holds the current snapshot of the index of one space, and replaces it as the catalog changes.

    The threads run inside a `with` block. Safe to share between threads, not across a fork.
    """

    def __init__(self, store: Store, space_id: SpaceId, retry_seconds: float) -> None:
        """`retry_seconds` is the time between two refreshes that fail."""
        self._catalog = store.catalog
        self._watch = store.watch
        self._retry_seconds = retry_seconds
        self._index = SpaceIndex(store, space_id)
        self._manifest: Manifest | None = None
        self.snapshot: Snapshot = EMPTY
        """What searches read; replaced as a whole."""
        self.refresh_error = ""
        """Why the last refresh in the background failed; empty if it did not."""
        self._refreshing = threading.Lock()
        self._ready = threading.Event()
        self._stopped = threading.Event()
        self._parts_changed = threading.Event()
        self._committed = threading.Event()
        self._stack = ExitStack()
        self._threads = [
            threading.Thread(target=self._follow, name="searcher", daemon=True),
            threading.Thread(target=self._merge, name="merger", daemon=True),
        ]
        self._stale_since: float | None = None
        """Seconds of `time.monotonic()` since which the snapshot may lack changes; None if it lacks
        none."""

    def __enter__(self) -> Self:
        self._committed = self._stack.enter_context(self._watch.subscribe())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._parts_changed.set()
        self._committed.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()
        self.snapshot = EMPTY

    @property
    def is_ready(self) -> bool:
        """Whether the snapshot was up to date once, so that a search need not wait."""
        return self._ready.is_set()

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait for `is_ready`. Returns it."""
        return self._ready.wait(seconds)

    def lag_seconds(self) -> float:
        """Time for which the snapshot has lacked changes of the catalog, 0 if it lacks none.

        Raises `Unavailable` when the catalog does not answer.
        """
        if self._stale_since is None and self.snapshot.upto < self._catalog.get_head():
            self._stale_since = time.monotonic()
        stale_since = self._stale_since
        return 0.0 if stale_since is None else time.monotonic() - stale_since

    def refresh(self, seconds: float = LOCK_SECONDS) -> None:
        """Apply all committed changes of the catalog; searches that start later see them.

        Raises `Unavailable` when the catalog or the disk does not answer or another process writes
        for longer than `seconds`.
        """
        with self._refreshing:
            for attempt in range(ATTEMPTS):
                try:
                    self._apply_changes(seconds)
                    break
                except Corrupt:  # merged by another process at the same time, or damaged
                    if attempt == ATTEMPTS - 1:
                        raise
                    self._index.repair(seconds)
            self._stale_since = None
            self._ready.set()

    def catch_up(self) -> None:
        """Refresh if the catalog has changed, so that a search finds what was committed before it.

        What fails is left to the background thread, which logs it.
        """
        if self.snapshot.upto < self._catalog.get_head():
            with suppress(Unavailable, Corrupt):
                self.refresh(BACKGROUND_LOCK_SECONDS)

    def merge_parts(self, seconds: float = LOCK_SECONDS) -> None:
        """Merge parts until none are due; refreshes continue meanwhile. Raises `Unavailable`."""
        while not self._stopped.is_set():
            try:
                if not self._index.merge(seconds):
                    return
            except Corrupt:  # merged by another process at the same time, or damaged
                self._index.repair(seconds)
                return
            with self._refreshing:
                self._load_snapshot()

    def _apply_changes(self, seconds: float) -> None:
        """Bring the snapshot up to date. Raises `Corrupt`, `Unavailable`."""
        head = self._catalog.get_head()
        manifest = self._index.load_manifest(head)
        if manifest is None or manifest.upto < head:
            try:
                while not self._stopped.is_set() and self._index.apply_changes(seconds):
                    self._load_snapshot()
            except Unavailable:  # another process writes: load the steps that it has published
                self._load_snapshot()
                raise
        self._load_snapshot()

    def _load_snapshot(self) -> None:
        """Replace the snapshot if the manifest on disk has changed."""
        manifest = self._index.load_manifest(self._catalog.get_head())
        if manifest is not None and manifest != self._manifest:
            parts = self._index.open(manifest)
            self._manifest = manifest
            self._parts_changed.set()
            self.snapshot = Snapshot(manifest.upto, parts, np.asarray(sorted(manifest.dead), dtype=np.int64))

    def _follow(self) -> None:
        def work() -> None:
            self._stale_since = self._stale_since or time.monotonic()
            self.refresh(BACKGROUND_LOCK_SECONDS)

        def wait(error: str) -> None:
            self.refresh_error = error
            self._watch.wait(self._committed, self._retry_seconds if error else None)

        self._repeat(work, "index refresh failed", wait)

    def _merge(self) -> None:
        def wait(error: str) -> None:
            self._parts_changed.wait(MERGE_SECONDS)
            self._parts_changed.clear()

        self._repeat(lambda: self.merge_parts(BACKGROUND_LOCK_SECONDS), "index merge failed", wait)

    def _repeat(self, work: Callable[[], None], event: str, wait: Callable[[str], None]) -> None:
        """Work and wait until the follower stops; an error is logged once while it persists."""
        log = structlog.get_logger()
        last_error = ""
        while not self._stopped.is_set():
            error = ""
            try:
                work()
            except MMError as raised:
                error = str(raised)
            if error and error != last_error:
                log.warning(event, detail=error)
            last_error = error
            wait(error)
