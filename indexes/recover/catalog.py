"""A catalog that items can be added to: the present one if it is intact, else a new one.

A damaged SQLite file, or one of another library, is renamed and never deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from indexes.catalog.database import REPAIR, DamagedCatalog, Database, sqlite_file
from indexes.catalog.migrate import migrate
from indexes.catalog.tables import Item, Table
from indexes.catalog.tables.visibility import WITH_TRASH
from indexes.integrity.state import CatalogState, read_catalog, read_folder
from indexes.storage.blobs import BlobStore
from indexes.storage.descriptions import DescriptionStore
from indexes.storage.files import translate_disk_errors
from mm.errors import Conflict, Corrupt, InvalidInput, Unavailable, WrongLibrary

if TYPE_CHECKING:
    from pathlib import Path

    from mm.settings import Settings


def prepare_catalog(settings: Settings) -> tuple[Database, Path | None]:
    """Open an intact catalog of this library, or create one.

    Returns its database, and the new path of an unusable SQLite file. Raises `DamagedCatalog` for a
    damaged PostgreSQL catalog, `Conflict` for a PostgreSQL catalog of another library.
    """
    lock = settings.root / "locks" / "catalog.lock"
    path = sqlite_file(settings.catalog_url)
    database, renamed = Database(settings.catalog_url), None
    try:
        if _read_usable(settings, database) is not None:
            migrate(database, lock)
            verify_rows(database, DescriptionStore(BlobStore(settings.root / "blobs", settings.root / "locks" / "blobs.lock")))
            return database, None
    except DamagedCatalog:
        if path is None:
            database.close()
            raise
    except BaseException:
        database.close()
        raise
    if path is not None:
        database.close()
        renamed = rename_catalog(path)
        database = Database(settings.catalog_url)
    migrate(database, lock)
    return database, renamed


def _read_usable(settings: Settings, database: Database) -> CatalogState | None:
    """Return the state of a catalog of this library, None where a new one is to be created."""
    try:
        state = read_catalog(database, check=True, any_size=True)
    except DamagedCatalog:
        if sqlite_file(settings.catalog_url) is None:
            raise
        return None
    if state is None or not state.has_items:
        return state
    try:
        folder = read_folder(settings.root)
    except WrongLibrary:  # a marker is damaged
        return state
    identities = {marker.identity for marker in (folder.home, *folder.folders.values()) if marker is not None}
    if not identities or identities == {state.identity}:
        return state
    if sqlite_file(settings.catalog_url) is None:
        raise Conflict("The database of MM_DATABASE_URL holds another library; name an empty database.")
    return None


def rename_catalog(catalog: Path) -> Path | None:
    """Rename a SQLite file and its log. Returns the new path, None if there is no file."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    renamed = catalog.with_name(f"{catalog.stem}-{stamp}{catalog.suffix}")
    with translate_disk_errors(catalog.parent):
        for suffix in ("-wal", "-shm", ""):  # the file last, so that it is never opened without its log
            path = catalog.with_name(catalog.name + suffix)
            if path.exists():
                path.rename(renamed.with_name(renamed.name + suffix))
    return renamed if renamed.exists() else None


def verify_rows(database: Database, descriptions: DescriptionStore) -> None:
    """Read all rows of all tables, and compare the names of items with their descriptions.

    This detects damage that SQLite does not. Raises `DamagedCatalog`.
    """
    try:
        with database.read() as session:
            for table in Table.metadata.sorted_tables:
                for _ in session.execute(select(table)):
                    pass
            # Of an item that is not described, a change was committed without its description.
            described = select(Item.sha256, Item.name).where(Item.is_described.is_(True))
            names = session.execute(described.execution_options(**WITH_TRASH)).tuples().all()
        for sha256, name in names:
            if not _matches_description(descriptions, sha256, name):
                raise DamagedCatalog(
                    f"The catalog is damaged: the name of item {sha256[:32]} differs from its description. {REPAIR}"
                )
    except DamagedCatalog:
        raise
    except (Unavailable, InvalidInput, ValueError, LookupError) as error:
        raise DamagedCatalog(f"The catalog is damaged: a row cannot be read. {REPAIR}") from error


def _matches_description(descriptions: DescriptionStore, sha256: str, name: str) -> bool:
    try:
        description = descriptions.read(sha256)
    except Corrupt:
        return True
    return description is None or description.name == name
