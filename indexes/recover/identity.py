"""Whether a catalog and a folder belong together: one random value in both, and a number that only
grows.

`library.json` in the home folder and in each folder of files holds the catalog's identity; the one
in the home folder also the highest revision of the catalog that was seen. An older copy of the
catalog has a lower revision. A folder that is not mounted has no `library.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError
from sqlalchemy import inspect, select, text

from indexes.catalog.changes.file_watch import CatalogFileGuard
from indexes.catalog.database import REPAIR, DamagedCatalog, sqlite_file
from indexes.catalog.tables import Item, Library
from indexes.storage.files import hold_lock, translate_disk_errors, write_durable
from mm.errors import WrongLibrary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from indexes.catalog.database import Database

MARKER = "library.json"
FORMAT = 1
FOLDERS = ("blobs", "shards")
"""Below the home folder; each has a marker of its own."""
LOCK_SECONDS = 120.0
CHECKED_BYTES = 256 << 20
"""Largest file of SQLite whose structure is checked at every start; `mm doctor` checks any."""
WAYS = (
    "Check MM_HOME, MM_DATABASE_URL and mounts, or restore a backup. Otherwise choose: `mm doctor --adopt` if they belong "
    "together, `mm doctor --rebuild` to add the items whose files are here to the catalog, `mm doctor --empty` to move the "
    "files to the trash and begin with an empty library."
)


class Marker(BaseModel):
    """Content of a `library.json`."""

    format: int = FORMAT
    identity: str
    revision: int = 0
    described: bool = True
    """Whether every blob of an item has its description beside it."""


@dataclass(frozen=True, slots=True)
class CatalogState:
    """What a catalog says of itself."""

    identity: str
    revision: int
    has_items: bool


@dataclass(frozen=True, slots=True)
class FolderState:
    """Markers that were found; None where there is none."""

    home: Marker | None
    folders: Mapping[str, Marker | None]


def read_catalog(database: Database, *, check: bool = False, any_size: bool = False) -> CatalogState | None:
    """The state of a catalog, None if there is none. Makes nothing.

    With `check`, the structure of a SQLite file is looked at first: of up to `CHECKED_BYTES`, or of
    `any_size`. Raises `Unavailable` when it cannot be read.
    """
    path = sqlite_file(database.url)
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        return None
    with database.read() as session:
        connection = session.connection()
        if path is not None and check:
            _check_structure(connection, path.stat().st_size, any_size=any_size)
        return _state(connection)


def _check_structure(connection: Connection, size: int, *, any_size: bool) -> None:
    """Raise `DamagedCatalog` when a file of SQLite is."""
    if size % connection.execute(text("PRAGMA page_size")).scalar_one():
        raise DamagedCatalog(f"The catalog is damaged: its file ends in the middle of a page. {REPAIR}")
    if any_size or size <= CHECKED_BYTES:
        # The slower check reads the indexes too: a start has no time for it.
        found = connection.execute(text("PRAGMA integrity_check(1)" if any_size else "PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise DamagedCatalog(f"The catalog is damaged: {' '.join(str(found).split())}. {REPAIR}")


def _state(connection: Connection) -> CatalogState | None:
    tables = inspect(connection)
    if not tables.has_table(Library.__tablename__):
        return None
    columns = {column["name"] for column in tables.get_columns(Library.__tablename__)}
    revision = Library.revision if "revision" in columns else text("0")  # before migration 0005
    row = connection.execute(select(Library.identity, revision)).one_or_none()
    if row is None:
        return None
    has_items = connection.execute(select(Item.pk).limit(1)).first() is not None
    return CatalogState(row[0], int(row[1]), has_items)


def read_folder(root: Path) -> FolderState:
    """The markers below a home folder. Raises `WrongLibrary` for one that cannot be read."""
    return FolderState(_read_marker(root), {name: _read_marker(root / name) for name in FOLDERS})


def _read_marker(folder: Path) -> Marker | None:
    try:
        data = (folder / MARKER).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WrongLibrary(f"{folder / MARKER} cannot be read: {error.strerror}.") from error
    try:
        marker = Marker.model_validate_json(data)
    except ValidationError as error:
        raise WrongLibrary(f"{folder / MARKER} is damaged. {WAYS}") from error
    if marker.format > FORMAT:
        raise WrongLibrary(f"{folder / MARKER} was written by a newer version of mm; use that version.")
    return marker


def holds_files(root: Path) -> bool:
    """Whether there is any blob or shard below a home folder."""
    return any(True for name in FOLDERS for _ in (root / name).glob("[0-9a-f][0-9a-f]/*"))


def judge(
    catalog: CatalogState | None, folder: FolderState, holds_files: Callable[[], bool], lost_blobs: Callable[[], int]
) -> None:
    """Raise `WrongLibrary`, with the ways on, unless the catalog and the folder belong together or
    both are new.

    `holds_files` says whether there are blobs or shards, `lost_blobs` how many items have no blob:
    asked only for a folder without markers.
    """
    marked = [marker for marker in (folder.home, *folder.folders.values()) if marker is not None]
    if catalog is None:
        if marked or holds_files():
            raise WrongLibrary(f"The folder MM_HOME holds a library, and its catalog is missing or empty. {WAYS}")
        return
    if any(marker.identity != catalog.identity for marker in marked):
        raise WrongLibrary(f"The catalog and the folder MM_HOME belong to different libraries. {WAYS}")
    if folder.home is not None:
        for name, marker in folder.folders.items():
            if marker is None:
                raise WrongLibrary(f"The folder {name} of MM_HOME has no {MARKER}: it is missing or not mounted. {WAYS}")
        if catalog.revision < folder.home.revision:
            raise WrongLibrary(
                f"The catalog is older than the folder MM_HOME (revision {catalog.revision:,}, not {folder.home.revision:,}), "
                f"as after a backup was restored. {WAYS}"
            )
    elif not marked:
        _judge_unmarked(catalog, holds_files, lost_blobs)


def _judge_unmarked(catalog: CatalogState, holds_files: Callable[[], bool], lost_blobs: Callable[[], int]) -> None:
    """A library that an earlier version made, one that is being made, or a new catalog with
    somebody's files."""
    if not catalog.has_items and holds_files():
        raise WrongLibrary(f"The catalog has no items, and the folder MM_HOME holds files of a library. {WAYS}")
    if catalog.has_items and (lost := lost_blobs()):
        raise WrongLibrary(f"The files of {lost:,} items of the catalog are not in the folder MM_HOME. {WAYS}")


class LibraryIdentity:
    """The identity of one home folder and its catalog. Safe to use from any number of threads and
    processes."""

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        self._lock = root / "locks" / "identity.lock"
        self._watch = CatalogFileGuard(sqlite_file(database.url))

    def open(self, migrate: Callable[[], None]) -> None:
        """Check, bring the tables up to date by `migrate`, and mark the folder. Raises
        `WrongLibrary`, `Unavailable`."""
        with hold_lock(self._lock, LOCK_SECONDS):
            catalog = self.check(structure=True)
            migrate()
            self._database.check_writable()
            self._write(described=catalog is None or not catalog.has_items)
            self._watch.begin()

    def check(self, *, structure: bool = False) -> CatalogState | None:
        """What the catalog says of itself. Raises `WrongLibrary` when the folder says otherwise,
        `Unavailable`."""
        self._watch.check()
        folder = read_folder(self._root)  # first: the catalog only goes on from what it says
        catalog = read_catalog(self._database, check=structure)
        judge(catalog, folder, lambda: holds_files(self._root), self.lost_blobs)
        return catalog

    def record(self, *, described: bool | None = None) -> None:
        """Check, and note how far the catalog is. Raises `WrongLibrary`, `Unavailable`."""
        with hold_lock(self._lock, LOCK_SECONDS):
            if self.check() is None:
                raise WrongLibrary(f"The catalog is missing or empty. {WAYS}")
            self._write(described=described)

    def adopt(self, *, described: bool = False) -> None:
        """Mark the folder as that of the catalog, whatever it was before. Raises `WrongLibrary`
        without a catalog."""
        with hold_lock(self._lock, LOCK_SECONDS):
            catalog = read_catalog(self._database, check=True, any_size=True)
            if catalog is None:
                raise WrongLibrary("There is no catalog that could be adopted: it is missing or empty.")
            for folder in (self._root, *(self._root / name for name in FOLDERS)):
                with translate_disk_errors(folder):
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / MARKER).unlink(missing_ok=True)
            self._write(described=described)

    def described(self) -> bool:
        """Whether every blob of an item is known to have its description."""
        try:
            home = _read_marker(self._root)
        except WrongLibrary:
            return False
        return home is not None and home.described

    def lost_blobs(self) -> int:
        """How many items of the catalog have no blob."""
        return sum(not path.exists() for path in self._blobs())

    def _write(self, described: bool | None) -> None:
        """Write the markers that are missing or behind, that of the home folder last."""
        catalog = read_catalog(self._database)
        assert catalog is not None, "the tables are there"
        folder = read_folder(self._root)
        for name, marker in folder.folders.items():
            if marker is None:
                _write_marker(self._root / name, Marker(identity=catalog.identity))
        before = folder.home or Marker(identity=catalog.identity, described=bool(described))
        after = before.model_copy(update={"revision": catalog.revision, "described": before.described or bool(described)})
        if after != folder.home:
            _write_marker(self._root, after)

    def _blobs(self) -> Iterator[Path]:
        with self._database.read() as session:
            for sha256 in session.scalars(select(Item.sha256)):
                yield self._root / "blobs" / sha256[:2] / sha256


def _write_marker(folder: Path, marker: Marker) -> None:
    write_durable(folder / MARKER, marker.model_dump_json().encode())
