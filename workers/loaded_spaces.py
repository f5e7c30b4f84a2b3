"""The spaces that a working process encodes for: the one that the library is in, and the two of a
move that is not over."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from indexes.catalog.base import LibraryReindexed
from indexes.catalog.queue.reindex import UNFINISHED_STATES
from mm.errors import SpaceMismatch
from mm.spaces import load_space

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from mm.settings import Settings
    from mm.spaces import Space
    from mm.spaces.types import SpaceId


class LoadedSpaces:
    """Loads each at first need, and lets go of those that are needed no more. Safe to use from
    several threads."""

    def __init__(self, settings: Settings, catalog: Catalog, loaded: Mapping[str, Space] | None = None) -> None:
        """`loaded` holds what need not be loaded any more, by name."""
        self._settings = settings
        self._catalog = catalog
        self._loaded = dict(loaded or {})
        self._lock = threading.Lock()

    def load_current(self) -> Space:
        """That of the library. Raises what `load_space` raises, and `Unavailable`."""
        moved = self._catalog.get_library_space()
        return self._load(self._settings.space if moved is None else moved.name)

    def get_target(self, reindex_pk: int | None) -> SpaceId:
        """What a job, of a move or of an upload, is to be planned for. Raises as `current`,
        `SpaceMismatch` for an old move."""
        if reindex_pk is None:
            return self.load_current().id
        move = self._catalog.get_latest_reindex()
        if move is None or move.pk != reindex_pk:
            raise SpaceMismatch("The move that the job belongs to is over.")
        return move.target.id

    def load(self, space_id: SpaceId) -> Space:
        """What a chunk was planned for.

        Raises as `current`, `LibraryReindexed` for a space that the library has left,
        `SpaceMismatch` for one it never was in.
        """
        moved, move = self._catalog.get_library_space(), self._catalog.get_latest_reindex()
        own = self._settings.space if moved is None else moved.name
        moving = (
            {}
            if move is None or move.state not in UNFINISHED_STATES
            else {side.name: side.id for side in (move.source, move.target)}
        )
        self._unload_except({own, *moving})
        current = self._load(own)
        if current.id == space_id:
            return current
        for name, known in moving.items():
            if known == space_id:
                if (found := self._load(name)).id == space_id:
                    return found
                raise SpaceMismatch(f"{name} is {found.id} for this worker, and was {space_id} when the move began.")
        if moved is not None:
            raise LibraryReindexed(f"The job was planned for {space_id}; the library was moved to {moved.id}.")
        raise SpaceMismatch(f"The job was planned for {space_id}, this worker has {current.id}: add the file again.")

    def _load(self, name: str) -> Space:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_space(name, self._settings)
            return self._loaded[name]

    def _unload_except(self, names: set[str]) -> None:
        with self._lock:
            self._loaded = {name: space for name, space in self._loaded.items() if name in names}


def apply_library_space(settings: Settings, catalog: Catalog) -> Settings:
    """The settings with the space that the library was moved to, where it was; what MM_SPACE says
    holds for all others."""
    moved = catalog.get_library_space()
    if moved is None or moved.name == settings.space:
        return settings
    structlog.get_logger().info("the library was moved", space=moved.name, instead_of=settings.space)
    return settings.model_copy(update={"space": moved.name})


def needs_larger_space(catalog: Catalog) -> bool:
    """Whether a move that is not over needs a space that is larger than `lite`."""
    move = catalog.get_latest_reindex()
    return move is not None and move.state in UNFINISHED_STATES and {move.source.name, move.target.name} != {"lite"}
