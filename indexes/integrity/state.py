"""The state of a catalog and of a home folder, read without changing either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text

from indexes.catalog.database import REPAIR, DamagedCatalog, sqlite_file
from indexes.catalog.tables import Item, Library
from indexes.storage.markers import FOLDERS, Marker, read_marker

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from indexes.catalog.database import Database

MAX_CHECKED_BYTES = 256 << 20
"""Size of the largest SQLite file whose structure is checked at a start; `mm doctor` checks any."""


@dataclass(frozen=True, slots=True)
class CatalogState:
    """Identity, revision and contents of a catalog."""

    identity: str
    revision: int
    has_items: bool


@dataclass(frozen=True, slots=True)
class FolderState:
    """The markers of a home folder and of the folders below it; None for a missing marker."""

    home: Marker | None
    folders: Mapping[str, Marker | None]


def read_catalog(database: Database, *, check: bool = False, any_size: bool = False) -> CatalogState | None:
    """Read the state of a catalog, None if there is none. Creates nothing.

    With `check`, the structure of a SQLite file of at most `MAX_CHECKED_BYTES`, or of `any_size`,
    is checked first. Raises `DamagedCatalog` for a damaged file, `Unavailable` if it is unreadable.
    """
    path = sqlite_file(database.url)
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        return None
    with database.read() as session:
        connection = session.connection()
        if path is not None and check:
            _check_structure(connection, path.stat().st_size, any_size=any_size)
        return _read_state(connection)


def _check_structure(connection: Connection, size: int, *, any_size: bool) -> None:
    """Raise `DamagedCatalog` when SQLite reports a damaged file."""
    if size % connection.execute(text("PRAGMA page_size")).scalar_one():
        raise DamagedCatalog(f"The catalog is damaged: its file ends in the middle of a page. {REPAIR}")
    if any_size or size <= MAX_CHECKED_BYTES:
        # `integrity_check` also reads the indexes, which takes too long for a start.
        result = connection.execute(text("PRAGMA integrity_check(1)" if any_size else "PRAGMA quick_check(1)")).scalar_one()
        if result != "ok":
            raise DamagedCatalog(f"The catalog is damaged: {' '.join(str(result).split())}. {REPAIR}")


def _read_state(connection: Connection) -> CatalogState | None:
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
    """Read the markers of a home folder. Raises `WrongLibrary` for an unreadable one."""
    return FolderState(read_marker(root), {name: read_marker(root / name) for name in FOLDERS})


def has_files(root: Path) -> bool:
    """Return whether a home folder has any blob or shard."""
    return any(True for name in FOLDERS for _ in (root / name).glob("[0-9a-f][0-9a-f]/*"))
