"""What a person decides about a library whose catalog and folder do not match: `python -m
indexes.recover ACTION`.

`mm doctor` runs it. The result is one JSON document on standard output, progress is on standard
error, and an error is one sentence there with exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexes.catalog.audit import LOCAL, NewAudit
from indexes.catalog.database import DamagedCatalog, Database, sqlite_file
from indexes.catalog.migrate import migrate
from indexes.integrity.garbage import read_report
from indexes.integrity.identity import LibraryIdentity
from indexes.integrity.state import CatalogState, read_catalog, read_folder
from indexes.recover.rebuild import add_items
from indexes.recover.set_aside import rename_catalog
from indexes.recover.stderr_logs import log_to_stderr
from indexes.recover.verify import verify_rows
from indexes.storage.blobs import BlobStore
from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.descriptions import DescriptionStore
from indexes.storage.files import hold_lock
from indexes.storage.markers import FOLDERS, MARKER
from indexes.store import open_store
from mm.errors import Conflict, MMError, WrongLibrary
from mm.private import restrict_umask
from mm.schemas import Check, Recovery
from mm.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

Say = Callable[[str], None]
LOCK_SECONDS = 120.0


def check(settings: Settings, say: Say) -> Check:
    """Whether the catalog and the folder belong together, and what garbage collection left. Makes
    nothing."""
    if not settings.root.exists():
        return Check(name="library", ok=True, detail="There is no library yet.")
    database = Database(settings.catalog_url)
    try:
        identity = LibraryIdentity(settings.root, database)
        state = read_catalog(database, check=True, any_size=True)
        identity.check()
    except MMError as error:
        return Check(name="library", ok=False, detail=str(error))
    finally:
        database.close()
    if state is None:
        return Check(name="library", ok=True, detail="There is no library yet.")
    report = read_report(settings.root)
    if report is not None and report.refused:
        return Check(name="library", ok=False, detail=" ".join(report.refused))
    return Check(name="library", ok=True, detail="The catalog and the folder belong together.")


def adopt(settings: Settings, say: Say) -> Recovery:
    """Declare that the catalog and the folder belong together. Raises `WrongLibrary` without a
    catalog."""
    database = Database(settings.catalog_url)
    try:
        identity = LibraryIdentity(settings.root, database)
        identity.adopt()
        lost = identity.count_missing_blobs()
    finally:
        database.close()
    with open_store(settings) as store:  # brings the tables up to date, without which there may be no audit log
        store.catalog.record_audit(LOCAL, NewAudit(action="library.adopt", detail={"lost": lost}))
    return Recovery(action="adopt", lost=lost)


def rebuild(settings: Settings, say: Say) -> Recovery:
    """Add the items whose files are in the folder to the catalog; make it, where it is missing or
    damaged.

    Raises `Conflict` for a PostgreSQL that holds another library.
    """
    database, aside = _whole_catalog(settings)
    try:
        identity = LibraryIdentity(settings.root, database)
        described = identity.has_all_descriptions()
        identity.adopt(all_described=described)
    finally:
        database.close()
    with open_store(settings) as store:
        result = add_items(store, leftovers_too=not described, say=say)
        store.catalog.record_audit(
            LOCAL, NewAudit(action="library.rebuild", detail={"items": result.items, "skipped": result.skipped})
        )
    return result.model_copy(update={"aside": None if aside is None else str(aside)})


def empty(settings: Settings, say: Say) -> Recovery:
    """Move the files to the trash and begin with an empty library. Raises `Conflict` for a
    PostgreSQL that has items."""
    aside = None
    path = sqlite_file(settings.catalog_url)
    database = Database(settings.catalog_url)
    try:
        if path is not None:
            database.close()
            aside = rename_catalog(path)
        elif (state := read_catalog(database)) is not None and state.has_items:
            raise Conflict("The database of MM_DATABASE_URL holds items; name an empty one, or drop its tables.")
    finally:
        database.close()
    with hold_lock(settings.root / "locks" / "identity.lock", LOCK_SECONDS):
        trashed = 0
        for name in FOLDERS:
            trashed += ContentAddressedFiles(settings.root / name, settings.root / "locks" / f"{name}.lock").move_all_to_trash()
            (settings.root / name / MARKER).unlink(missing_ok=True)
        (settings.root / MARKER).unlink(missing_ok=True)
    with open_store(settings) as store:
        store.catalog.record_audit(LOCAL, NewAudit(action="library.empty", detail={"files": trashed}))
    return Recovery(action="empty", trashed=trashed, aside=None if aside is None else str(aside))


def collect(settings: Settings, say: Say) -> Recovery:
    """Move every old file without a row to the trash, those of items that the catalog lost too."""
    with open_store(settings) as store:
        return Recovery(action="collect", trashed=store.collect_garbage(settings.leftover_seconds, force=True))


def _whole_catalog(settings: Settings) -> tuple[Database, Path | None]:
    """A catalog that items can be added to, and where the one is that a file of SQLite held before,
    if that is of no use."""
    lock = settings.root / "locks" / "catalog.lock"
    path = sqlite_file(settings.catalog_url)
    database, aside = Database(settings.catalog_url), None
    try:
        if _usable(settings, database) is not None:
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
        aside = rename_catalog(path)
        database = Database(settings.catalog_url)
    migrate(database, lock)
    return database, aside


def _usable(settings: Settings, database: Database) -> CatalogState | None:
    """The catalog that items can be added to; None where a new one is to be made of a file of
    SQLite or in an empty database."""
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
    except WrongLibrary:  # its marker is damaged
        return state
    marked = {marker.identity for marker in (folder.home, *folder.folders.values()) if marker is not None}
    if not marked or marked == {state.identity}:
        return state
    if sqlite_file(settings.catalog_url) is None:
        raise Conflict("The database of MM_DATABASE_URL holds another library; name an empty one.")
    return None


ACTIONS: dict[str, Callable[[Settings, Say], BaseModel]] = {
    "check": check,
    "adopt": adopt,
    "rebuild": rebuild,
    "empty": empty,
    "collect": collect,
}


def main(action: str) -> int:
    restrict_umask()
    log_to_stderr()
    try:
        result = ACTIONS[action](load_settings(), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    except MMError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(result.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
