"""The spaces that a worker process encodes in: that of the library, and both of a reindex."""

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
    """Loads each space at its first use, and unloads spaces that are no longer needed.

    Safe to use from several threads.
    """

    def __init__(self, settings: Settings, catalog: Catalog, loaded: Mapping[str, Space] | None = None) -> None:
        """`loaded` holds spaces that are loaded already, by name."""
        self._settings = settings
        self._catalog = catalog
        self._loaded = dict(loaded or {})
        self._lock = threading.Lock()

    def load_current(self) -> Space:
        """Load the space of the library. Raises what `load_space` raises, and `Unavailable`."""
        library_space = self._catalog.get_library_space()
        return self._load(self._settings.space if library_space is None else library_space.name)

    def get_target(self, reindex_pk: int | None) -> SpaceId:
        """The space that a job is planned for: that of its reindex, or of the library without one.

        Raises as `load_current`, `SpaceMismatch` for a reindex that has ended.
        """
        if reindex_pk is None:
            return self.load_current().id
        reindex = self._catalog.get_latest_reindex()
        if reindex is None or reindex.pk != reindex_pk:
            raise SpaceMismatch("The reindex that the job belongs to has ended.")
        return reindex.target.id

    def load(self, space_id: SpaceId) -> Space:
        """Load the space that a chunk was planned for.

        Raises as `load_current`, `LibraryReindexed` for a space before the last reindex,
        `SpaceMismatch` for any other.
        """
        library_space, reindex = self._catalog.get_library_space(), self._catalog.get_latest_reindex()
        current_name = self._settings.space if library_space is None else library_space.name
        reindex_spaces = (
            {}
            if reindex is None or reindex.state not in UNFINISHED_STATES
            else {side.name: side.id for side in (reindex.source, reindex.target)}
        )
        self._unload_except({current_name, *reindex_spaces})
        current = self._load(current_name)
        if current.id == space_id:
            return current
        for name, recorded_id in reindex_spaces.items():
            if recorded_id == space_id:
                if (space := self._load(name)).id == space_id:
                    return space
                raise SpaceMismatch(f"{name} is {space.id} for this worker, and was {space_id} when the reindex began.")
        if library_space is not None:
            raise LibraryReindexed(f"The job was planned for {space_id}; the library was reindexed to {library_space.id}.")
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
    """The settings with the space that the library was reindexed to, instead of that of MM_SPACE.

    Returns `settings` for a library that was never reindexed.
    """
    library_space = catalog.get_library_space()
    if library_space is None or library_space.name == settings.space:
        return settings
    structlog.get_logger().info("library was reindexed", space=library_space.name, instead_of=settings.space)
    return settings.model_copy(update={"space": library_space.name})


def needs_larger_space(catalog: Catalog) -> bool:
    """Whether an unfinished reindex needs a space other than `lite`."""
    reindex = catalog.get_latest_reindex()
    return reindex is not None and reindex.state in UNFINISHED_STATES and {reindex.source.name, reindex.target.name} != {"lite"}
