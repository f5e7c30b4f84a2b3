"""The space in which questions are answered. It follows the library: what a move leads to is made
ready beside it, and taken over between two questions once everything is there."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from api.spaces.tower_loader import TowerLoader
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
    """A space with all that answers in it."""

    name: str
    """As MM_SPACE has it."""
    space: Space
    searcher: Searcher
    towers: TowerLoader
    _stack: ExitStack
    users: int = field(default=0)
    """Questions that are being answered with it."""

    @property
    def is_ready(self) -> bool:
        """Whether a question would be answered at once."""
        return self.towers.check().ok and self.searcher.follower.is_ready

    def close(self) -> None:
        self._stack.close()


class SpaceManager:
    """Runs inside a `with` block. Safe to use from several threads."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Raises what `load_space` raises for the space that the library is in."""
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._current = self._open(self._name())
        self._next: ServedSpace | None = None
        self._retired: list[ServedSpace] = []
        self.failure: str | None = None
        """Why the space that the library moves or has moved to cannot be used here."""
        self._stopped = threading.Event()
        self._committed = threading.Event()
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._follow, name="serving", daemon=True)

    def __enter__(self) -> Self:
        self._committed = self._stack.enter_context(self._store.watch.subscribe())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._committed.set()
        self._thread.join()
        self._stack.close()
        for served in [self._current, *([self._next] if self._next else []), *self._retired]:
            served.close()

    @property
    def current(self) -> ServedSpace:
        """What answers now. For a look; an answer is made inside `use`."""
        return self._current

    @contextmanager
    def use(self) -> Iterator[ServedSpace]:
        """What answers now, and stays open for as long as the block lasts.

        Who waited for an item and then asks must find it: if the library has moved in the meantime,
        it is the new space, unless that is not ready here. Raises `Unavailable` when the catalog
        does not answer.
        """
        self._take_over()
        with self._lock:
            served = self._current
            served.users += 1
        try:
            yield served
        finally:
            with self._lock:
                served.users -= 1

    def follow(self) -> None:
        """Make ready what will be wanted, take it over when it is wanted, and close what is not
        used any more."""
        wanted = self._wanted()
        with self._lock:
            if self._next is not None and self._next.name != wanted:
                self._retired.append(self._next)
                self._next = None
        self._complain(None if wanted is None else self._prepare(wanted))
        self._take_over()
        with self._lock:
            unused = [served for served in self._retired if not served.users]
            self._retired = [served for served in self._retired if served.users]
        for served in unused:
            served.close()

    def _prepare(self, name: str) -> str | None:
        """Have a space ready beside the one that answers. Returns why it cannot be had."""
        with self._lock:
            # A request may have taken the space over since `name` was read. While `_next` is None
            # nothing can be taken over, so the answer holds until `_open` returns.
            if self._current.name == name:
                return None
            prepared = self._next
        if prepared is None:
            try:
                prepared = self._open(name)
            except (MMError, OSError) as error:
                return str(error)
            with self._lock:
                self._next = prepared
        return prepared.towers.failure

    def _complain(self, reason: str | None) -> None:
        before = self.failure
        self.failure = None
        if reason is not None:
            self.failure = f"Questions stay in {self._current.space.id}: {reason}"
            if self.failure != before:
                structlog.get_logger().warning("space not ready", detail=self.failure)

    def _take_over(self) -> None:
        if self._name() == self._current.name:
            return
        with self._lock:
            following = self._next
            if following is None or not following.is_ready or self._name() != following.name:
                return
            self._retired.append(self._current)
            self._current, self._next = following, None
        self._committed.set()  # what is retired is closed soon
        structlog.get_logger().info("questions are answered in another space", space=str(following.space.id))

    def _name(self) -> str:
        """The space that the library is in, as the catalog has it."""
        moved = self._store.catalog.library_space()
        return self._settings.space if moved is None else moved.name

    def _wanted(self) -> str | None:
        """The space that is to be made ready: where the library is, or where a running move
        leads."""
        # The move is read first: one that ends between the two reads has put the library into its
        # target by the second.
        move = self._store.catalog.latest_reindex()
        if (name := self._name()) != self._current.name:
            return name
        return move.target.name if move is not None and move.state == "running" else None

    def _open(self, name: str) -> ServedSpace:
        with ExitStack() as stack:
            space = load_space(name, self._settings, keep_speech=False, gpu=False)  # few questions bring a sound
            searcher = stack.enter_context(Searcher(self._store, space.id, self._settings))
            towers = stack.enter_context(TowerLoader(space))
            return ServedSpace(name, space, searcher, towers, stack.pop_all())

    def _follow(self) -> None:
        watch = self._store.watch
        settled = False
        while True:
            # What is loaded, in use or failed changes without a commit.
            watch.wait(self._committed, None if settled else self._settings.refresh_seconds)
            if self._stopped.is_set():
                return
            try:
                self.follow()
                settled = self._next is None and not self._retired and self.failure is None
            except MMError as error:
                settled = False
                structlog.get_logger().warning("the library's space is not followed", detail=str(error))
