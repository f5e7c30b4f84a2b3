"""The space in which queries are answered.

It follows the space of the library: the target of a reindexing is loaded in the background, and
replaces the present space between two queries when it is ready.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from api.spaces.tower_loader import TowerLoader
from indexes.catalog.changes.commit_thread import CommitThread
from indexes.search.searcher import Searcher
from mm.errors import MMError
from mm.spaces import load_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexes import Store
    from mm.settings import Settings
    from mm.spaces import Space


@dataclass(eq=False)
class ServedSpace:
    """A loaded space with its searcher."""

    name: str
    """As in MM_SPACE."""
    space: Space
    searcher: Searcher
    towers: TowerLoader
    _stack: ExitStack
    num_users: int = field(default=0)
    """Number of queries that are using it."""

    @property
    def is_ready(self) -> bool:
        """Whether a query would be answered without waiting."""
        return self.towers.check().ok and self.searcher.follower.is_ready

    def close(self) -> None:
        self._stack.close()


class SpaceManager:
    """Loads and switches spaces; a context manager. Safe to use from several threads."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Raises what `load_space` raises for the space of the library."""
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._current = self._open(self._read_library_space())
        self._prepared: ServedSpace | None = None
        self._retired: list[ServedSpace] = []
        self.failure: str | None = None
        """Why the target of a reindexing cannot be used in this process."""
        self._thread = CommitThread(
            store.watch, "spaces", self._update_at_commit, "library space not updated", settings.refresh_seconds
        )

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.__exit__(*error)
        for served in [self._current, *([self._prepared] if self._prepared else []), *self._retired]:
            served.close()

    @property
    def current(self) -> ServedSpace:
        """The present space, for inspection; a query uses `acquire`."""
        return self._current

    @contextmanager
    def acquire(self) -> Iterator[ServedSpace]:
        """The present space, which stays open for the duration of the block.

        If a reindexing has finished in the meantime, this is the new space, provided that it is
        ready in this process: an item that a client has waited for must be found. Raises
        `Unavailable` if the catalog is unavailable.
        """
        self._switch()
        with self._lock:
            served = self._current
            served.num_users += 1
        try:
            yield served
        finally:
            with self._lock:
                served.num_users -= 1

    def update(self) -> None:
        """Load the space that is needed next, switch to it when it is needed, and close spaces that
        are no longer used."""
        target = self._get_target()
        with self._lock:
            if self._prepared is not None and self._prepared.name != target:
                self._retired.append(self._prepared)
                self._prepared = None
        self._set_failure(None if target is None else self._prepare(target))
        self._switch()
        with self._lock:
            unused = [served for served in self._retired if not served.num_users]
            self._retired = [served for served in self._retired if served.num_users]
        for served in unused:
            served.close()

    def _prepare(self, name: str) -> str | None:
        """Load a space in addition to the present one. Returns why it cannot be loaded."""
        with self._lock:
            # A request may have switched to the space since `name` was read. While `_prepared` is
            # None no request can switch, so the result is valid until `_open` returns.
            if self._current.name == name:
                return None
            prepared = self._prepared
        if prepared is None:
            try:
                prepared = self._open(name)
            except (MMError, OSError) as error:
                return str(error)
            with self._lock:
                self._prepared = prepared
        return prepared.towers.failure

    def _set_failure(self, reason: str | None) -> None:
        previous = self.failure
        self.failure = None
        if reason is not None:
            self.failure = f"Searches continue to use {self._current.space.id}: {reason}"
            if self.failure != previous:
                structlog.get_logger().warning("space cannot be loaded", detail=self.failure)

    def _switch(self) -> None:
        if self._read_library_space() == self._current.name:
            return
        with self._lock:
            prepared = self._prepared
            if prepared is None or not prepared.is_ready or self._read_library_space() != prepared.name:
                return
            self._retired.append(self._current)
            self._current, self._prepared = prepared, None
        self._thread.wake()  # so that the retired space is closed soon
        structlog.get_logger().info("search space switched", space=str(prepared.space.id))

    def _read_library_space(self) -> str:
        """Read the name of the library's space from the catalog."""
        space = self._store.catalog.get_library_space()
        return self._settings.space if space is None else space.name

    def _get_target(self) -> str | None:
        """Return the space to load: that of the library, or the target of a running reindexing."""
        # The reindexing is read first: if it ends between the two reads, the library is in its
        # target by the second read.
        reindex = self._store.catalog.get_latest_reindex()
        if (name := self._read_library_space()) != self._current.name:
            return name
        return reindex.target.name if reindex is not None and reindex.state == "running" else None

    def _open(self, name: str) -> ServedSpace:
        with ExitStack() as stack:
            space = load_space(name, self._settings, keep_speech=False, gpu=False)  # few queries have audio
            searcher = stack.enter_context(Searcher(self._store, space.id, self._settings))
            towers = stack.enter_context(TowerLoader(space))
            return ServedSpace(name, space, searcher, towers, stack.pop_all())

    def _update_at_commit(self) -> float | None:
        """Update, and again soon: loading, use and failure change without a commit."""
        self.update()
        is_settled = self._prepared is None and not self._retired and self.failure is None
        return None if is_settled else self._settings.refresh_seconds
