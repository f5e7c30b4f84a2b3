"""The check that a catalog and a home folder belong together, at each start and each sweep.

The catalog and the marker files (`indexes.storage.markers`) hold the same random identity. The
marker of `MM_HOME` also records the highest revision of the catalog: a catalog with a lower
revision is an older copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from indexes.catalog.database import sqlite_file
from indexes.catalog.tables import Item
from indexes.catalog.tables.visibility import WITH_TRASH
from indexes.integrity.catalog_file import CatalogFileGuard
from indexes.integrity.state import CatalogState, FolderState, has_files, read_catalog, read_folder
from indexes.storage.files import hold_lock, translate_disk_errors
from indexes.storage.markers import FOLDERS, MARKER, RECOVERY_OPTIONS, Marker, read_marker, write_marker
from mm.errors import WrongLibrary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexes.catalog.database import Database

LOCK_SECONDS = 120.0


def check_belongs_together(
    catalog: CatalogState | None, folder: FolderState, has_files: Callable[[], bool], count_missing_blobs: Callable[[], int]
) -> None:
    """Raise `WrongLibrary` unless the catalog and the folder belong together or both are new.

    `has_files` returns whether the folder has blobs or shards, `count_missing_blobs` the number of
    items without a blob. Both are called only where the markers do not decide.
    """
    markers = [marker for marker in (folder.home, *folder.folders.values()) if marker is not None]
    if catalog is None:
        if markers or has_files():
            raise WrongLibrary(f"The folder MM_HOME holds a library, and its catalog is missing or empty. {RECOVERY_OPTIONS}")
        return
    if any(marker.identity != catalog.identity for marker in markers):
        raise WrongLibrary(f"The catalog and the folder MM_HOME belong to different libraries. {RECOVERY_OPTIONS}")
    if folder.home is not None:
        _check_marked(catalog, folder, folder.home)
    elif not markers:
        _check_unmarked(catalog, has_files, count_missing_blobs)


def _check_marked(catalog: CatalogState, folder: FolderState, home: Marker) -> None:
    for name, marker in folder.folders.items():
        if marker is None:
            raise WrongLibrary(
                f"The folder {name} of MM_HOME has no {MARKER}: the folder is missing or not mounted. {RECOVERY_OPTIONS}"
            )
    if catalog.revision < home.revision:
        raise WrongLibrary(
            f"The catalog is older than the folder MM_HOME: its revision is {catalog.revision:,}, the folder recorded "
            f"{home.revision:,}, as after a backup was restored. {RECOVERY_OPTIONS}"
        )


def _check_unmarked(catalog: CatalogState, has_files: Callable[[], bool], count_missing_blobs: Callable[[], int]) -> None:
    """Check a library without markers: one of an earlier version, or one that is being created."""
    if not catalog.has_items and has_files():
        raise WrongLibrary(f"The catalog has no items, and the folder MM_HOME holds files of a library. {RECOVERY_OPTIONS}")
    if catalog.has_items and (num_missing := count_missing_blobs()):
        raise WrongLibrary(f"The files of {num_missing:,} items of the catalog are not in the folder MM_HOME. {RECOVERY_OPTIONS}")


class LibraryIdentity:
    """The identity of a home folder and its catalog. Safe to use from any thread or process."""

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        self._lock = root / "locks" / "identity.lock"
        self._file_guard = CatalogFileGuard(sqlite_file(database.url))

    def open(self, migrate: Callable[[], None]) -> None:
        """Check the library, run `migrate`, and write missing markers.

        Raises `WrongLibrary` when the folder and the catalog do not belong together, `Unavailable`
        when either cannot be read or written.
        """
        with hold_lock(self._lock, LOCK_SECONDS):
            catalog = self.check(check_structure=True)
            migrate()
            self._database.check_writable()
            self._update_markers(all_described=catalog is None or not catalog.has_items)
            self._file_guard.start()

    def check(self, *, check_structure: bool = False) -> CatalogState | None:
        """Return the state of the catalog, None if there is none.

        Raises `WrongLibrary` when the folder and the catalog do not belong together, `Unavailable`
        when the catalog cannot be read.
        """
        self._file_guard.check()
        folder = read_folder(self._root)  # before the catalog, whose revision only grows in between
        catalog = read_catalog(self._database, check=check_structure)
        check_belongs_together(catalog, folder, lambda: has_files(self._root), self.count_missing_blobs)
        return catalog

    def record_revision(self, *, all_described: bool | None = None) -> None:
        """Check the library, and record the revision of the catalog. Raises as `check`."""
        with hold_lock(self._lock, LOCK_SECONDS):
            if self.check() is None:
                raise WrongLibrary(f"The catalog is missing or empty. {RECOVERY_OPTIONS}")
            self._update_markers(all_described=all_described)

    def adopt(self, *, all_described: bool = False) -> None:
        """Mark the folder as belonging to the catalog, whatever its markers are.

        Raises `WrongLibrary` without a catalog, `Unavailable` when it cannot be read.
        """
        with hold_lock(self._lock, LOCK_SECONDS):
            catalog = read_catalog(self._database, check=True, any_size=True)
            if catalog is None:
                raise WrongLibrary(
                    "There is no catalog to adopt: it is missing or empty. Check MM_HOME and MM_DATABASE_URL, or run "
                    "`mm doctor --rebuild`."
                )
            for folder in (self._root, *(self._root / name for name in FOLDERS)):
                with translate_disk_errors(folder):
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / MARKER).unlink(missing_ok=True)
            self._update_markers(all_described=all_described)

    def has_all_descriptions(self) -> bool:
        """Return whether every blob of an item is recorded as having a description."""
        try:
            home = read_marker(self._root)
        except WrongLibrary:
            return False
        return home is not None and home.described

    def count_missing_blobs(self) -> int:
        """Count the items of the catalog that have no blob."""
        return sum(not path.exists() for path in self._blob_paths())

    def _update_markers(self, all_described: bool | None) -> None:
        """Write markers that are missing or out of date, that of the home folder last."""
        catalog = read_catalog(self._database)
        assert catalog is not None, "the tables exist"
        folder = read_folder(self._root)
        for name, marker in folder.folders.items():
            if marker is None:
                write_marker(self._root / name, Marker(identity=catalog.identity))
        old = folder.home or Marker(identity=catalog.identity, described=bool(all_described))
        new = old.model_copy(update={"revision": catalog.revision, "described": old.described or bool(all_described)})
        if new != folder.home:
            write_marker(self._root, new)

    def _blob_paths(self) -> Iterator[Path]:
        with self._database.read() as session:
            for sha256 in session.scalars(select(Item.sha256).execution_options(**WITH_TRASH)):
                yield self._root / "blobs" / sha256[:2] / sha256
