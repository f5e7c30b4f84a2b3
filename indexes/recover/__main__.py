"""Recovery actions of an administrator: `python -m indexes.recover ACTION`, run by `mm doctor`.

Prints the result as one JSON document on standard output and progress on standard error. An error
is one sentence on standard error with exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexes.catalog.audit import LOCAL, NewAudit
from indexes.catalog.catalog import Catalog
from indexes.catalog.database import Database, sqlite_file
from indexes.integrity.garbage import read_report
from indexes.integrity.identity import LibraryIdentity
from indexes.integrity.state import read_catalog
from indexes.recover.catalog import prepare_catalog, rename_catalog
from indexes.recover.metadata import read_metadata
from indexes.recover.rebuild import rebuild_items
from indexes.recover.stderr_logs import log_to_stderr
from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.files import hold_lock
from indexes.storage.markers import FOLDERS, MARKER
from indexes.store import open_store
from mm.errors import Conflict, MMError
from mm.private import restrict_umask
from mm.schemas import Check, Recovery
from mm.settings import Settings, load_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

Report = Callable[[str], None]
"""Prints one line of progress."""
LOCK_SECONDS = 120.0


def check(settings: Settings, report: Report) -> Check:
    """Check that the catalog and the folder belong together, and read the garbage report.

    Creates nothing.
    """
    if not settings.root.exists():
        return Check(name="library", ok=True, detail="There is no library yet.")
    database = Database(settings.catalog_url)
    try:
        identity = LibraryIdentity(settings.root, database)
        state = read_catalog(database, check=True, any_size=True)
        identity.check()
        trash = "" if state is None else _describe_trash(database, settings)
    except MMError as error:
        return Check(name="library", ok=False, detail=str(error))
    finally:
        database.close()
    if state is None:
        return Check(name="library", ok=True, detail="There is no library yet.")
    garbage = read_report(settings.root)
    if garbage is not None and garbage.refused:
        return Check(name="library", ok=False, detail=" ".join(garbage.refused))
    return Check(name="library", ok=True, detail=f"The catalog and the folder belong together.{trash}")


def _describe_trash(database: Database, settings: Settings) -> str:
    """What the trash holds; nothing for an empty one, and for a catalog of an earlier version."""
    try:
        trash = Catalog(database).summarize_trash()
    except MMError:
        return ""
    kept = f"for {settings.trash_days:g} days" if settings.trash_days else "until it is emptied"
    return (
        f" The trash holds {trash.items:,} items, {trash.size / 1e6:,.1f} MB, kept {kept} (MM_TRASH_DAYS)." if trash.items else ""
    )


def adopt(settings: Settings, report: Report) -> Recovery:
    """Mark the folder as belonging to the catalog. Raises `WrongLibrary` without a catalog."""
    database = Database(settings.catalog_url)
    try:
        identity = LibraryIdentity(settings.root, database)
        identity.adopt()
        num_missing = identity.count_missing_blobs()
    finally:
        database.close()
    with open_store(settings) as store:  # runs the migrations, which create the audit log
        store.catalog.record_audit(LOCAL, NewAudit(action="library.adopt", detail={"lost": num_missing}))
    return Recovery(action="adopt", lost=num_missing)


def rebuild(settings: Settings, report: Report) -> Recovery:
    """Add the items whose files are in the folder to the catalog.

    A missing or damaged catalog is created again. Raises `Conflict` for a PostgreSQL catalog of
    another library.
    """
    database, renamed = prepare_catalog(settings)
    try:
        identity = LibraryIdentity(settings.root, database)
        all_described = identity.has_all_descriptions()
        identity.adopt(all_described=all_described)
    finally:
        database.close()
    with open_store(settings) as store:
        result = rebuild_items(store, add_undescribed=not all_described, report=report)
        new = NewAudit(action="library.rebuild", detail={"items": result.items, "skipped": result.skipped})
        store.catalog.record_audit(LOCAL, new)
    return result.model_copy(update={"aside": None if renamed is None else str(renamed)})


def empty(settings: Settings, report: Report) -> Recovery:
    """Move all files to the trash and start with an empty library.

    A SQLite catalog is renamed. Raises `Conflict` for a PostgreSQL catalog that has items.
    """
    renamed = None
    path = sqlite_file(settings.catalog_url)
    database = Database(settings.catalog_url)
    try:
        if path is not None:
            database.close()
            renamed = rename_catalog(path)
        elif (state := read_catalog(database)) is not None and state.has_items:
            raise Conflict("The database of MM_DATABASE_URL holds items; name an empty database, or drop its tables.")
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
    return Recovery(action="empty", trashed=trashed, aside=None if renamed is None else str(renamed))


def collect(settings: Settings, report: Report) -> Recovery:
    """Move all old files without a row to the trash, also those of items that the catalog lost."""
    with open_store(settings) as store:
        return Recovery(action="collect", trashed=store.collect_garbage(settings.leftover_seconds, force=True))


def metadata(settings: Settings, report: Report) -> Recovery:
    """Read the metadata of files that an earlier version added."""
    with open_store(settings) as store:
        return read_metadata(store, report)


def text(settings: Settings, report: Report) -> Recovery:
    """Make the text of all images due again in which its recognition failed."""
    with open_store(settings) as store:
        return Recovery(action="text", items=store.catalog.retry_text())


ACTIONS: dict[str, Callable[[Settings, Report], BaseModel]] = {
    "check": check,
    "adopt": adopt,
    "rebuild": rebuild,
    "empty": empty,
    "collect": collect,
    "metadata": metadata,
    "text": text,
}


def main(action: str) -> int:
    """Run an action. Returns the exit status."""
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
