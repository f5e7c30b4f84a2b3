"""The library on disk: the catalog and what its rows point to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog
from sqlalchemy import select

from indexes.catalog.audit import LOCAL, WORKER, Actor, NewAudit
from indexes.catalog.catalog import Catalog
from indexes.catalog.changes.watch import CatalogWatch
from indexes.catalog.database import Database, sqlite_file
from indexes.catalog.migrate import migrate
from indexes.catalog.tables import Table
from indexes.recover.garbage import Collector, Source, write_report
from indexes.recover.identity import LibraryIdentity
from indexes.recover.leftovers import sweep_graphs, sweep_index, sweep_pictures, sweep_temporary
from indexes.storage.blobs import BlobStore
from indexes.storage.descriptions import DescriptionStore, EncodedItem
from indexes.storage.files import hold_lock, translate_disk_errors
from indexes.storage.resumable import ResumableUploads
from indexes.storage.shards import ShardStore
from mm.errors import WrongLibrary
from mm.private import make_home_private

if TYPE_CHECKING:
    from mm.settings import Settings
    from mm.spaces.types import SpaceId

DROPPED_AT_ONCE = 200
"""Items that one transaction withdraws from a space: others write in between."""
LIBRARY_LOCK = "library.lock"
"""Held by whoever changes both the bytes or the description of an item and its row."""
LOCK_SECONDS = 60.0
"""Longest wait for who writes an index that is to be deleted, or for that lock."""
GRAPH_SECONDS = 30 * 24 * 3600.0
"""Time without use after which the graph of a tower is removed."""
SHARD_SECONDS = 3600.0
"""Age at which a shard that no row refers to belongs to no running task: vectors of a deleted item
are gone after it."""


@dataclass(frozen=True)
class Store:
    """Everything that outlives a process. Safe to share between threads, not across a fork."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore
    shards: ShardStore
    uploads: ResumableUploads
    descriptions: DescriptionStore
    identity: LibraryIdentity
    database: Database
    watch: CatalogWatch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def drop_space(self, space: SpaceId, by: Actor = LOCAL) -> int:
        """Delete what the library has in a space, some items at a time; shards go with the next
        sweep. Returns how many items.

        Raises `Conflict` as `Catalog.drop_space`, `Unavailable` while the index of the space is
        being written.
        """
        dropped = 0
        while some := self.catalog.drop_space(space, DROPPED_AT_ONCE, by):
            dropped += some
        with hold_lock(self.settings.root / "locks" / f"index-{space}.lock", LOCK_SECONDS):
            shutil.rmtree(self.settings.root / "index" / str(space), ignore_errors=True)
        return dropped

    def check(self) -> None:
        """Raise `WrongLibrary` when the catalog or the folder is not the one that was opened.

        Raises `Unavailable` when the first or the latest row of a table cannot be read.
        """
        if self.identity.check() is None:
            raise WrongLibrary("The catalog is empty: its tables are gone.")
        self.database.check_writable()
        with self.database.read() as session:
            for table in Table.metadata.sorted_tables:
                keys = list(table.primary_key)
                session.execute(select(*keys).limit(1)).first()
                session.execute(select(*keys).order_by(*(key.desc() for key in keys)).limit(1)).first()

    def sweep(self, older_than: float) -> int:
        """Remove what crashes and deletes left behind. Returns how many files and folders.

        These are temporary files, pictures without an item and parts of an index that nobody has
        touched for `older_than` seconds, expired uploads, unused graphs, and blobs and shards as
        `indexes.recover.garbage` says. Nothing of the library is touched while the catalog and the
        folder do not belong together.
        """
        root = self.settings.root
        removed = sweep_temporary(root, older_than) + sweep_index(root, older_than)
        removed += sweep_graphs(root, max(older_than, GRAPH_SECONDS))
        try:
            self.identity.record()
        except WrongLibrary as error:
            structlog.get_logger().error("garbage collection refused", detail=str(error))
            write_report(root, [str(error)])
            return removed
        removed += self.uploads.sweep() + self.blobs.sweep(older_than) + self.shards.sweep(older_than)
        removed += sweep_pictures(root, self.catalog.find_missing_items, older_than)
        emptied = sum(files.empty_trash(self.settings.trash_days) for files in (self.blobs.files, self.shards.files))
        if emptied:
            self.catalog.record_audit(WORKER, NewAudit(action="garbage.delete", subject="trash", detail={"files": emptied}))
        removed += emptied
        self.write_missing_descriptions()
        return removed + self.collect(older_than)

    def collect(self, older_than: float, *, commanded: bool = False) -> int:
        """Collect blobs and shards without a row that nobody has stored for `older_than` seconds.
        Returns how many.

        `commanded` is for a person who has read the report: it lifts the share, and takes what lost
        items left too.
        """
        collector = Collector(self.catalog, self.settings.sweep_share, commanded=commanded)
        blobs = Source("blobs", self.blobs.files, self.catalog.find_unreferenced_blobs, self.descriptions.exists, older_than)
        shard_age = min(older_than, SHARD_SECONDS)
        shards = Source("shards", self.shards.files, self.catalog.find_unreferenced_shards, lambda _: False, shard_age)
        removed = collector.collect(blobs) + collector.collect(shards)
        write_report(self.settings.root, collector.refused)
        return removed

    def write_encoded_description(self, item_id: str, encoded: EncodedItem) -> None:
        """Note beside the bytes of an item, if it is still there, which shards have its vectors.

        Raises `Unavailable` when the disk does not take it.
        """
        with hold_lock(self.settings.root / "locks" / LIBRARY_LOCK, LOCK_SECONDS):  # its tags may be changed at this moment
            item = self.catalog.get_item(item_id)
            if item is not None:
                self.descriptions.write(item, encoded)

    def write_missing_descriptions(self) -> int:
        """Write the descriptions that items lack, as those of an earlier version do. Returns how
        many."""
        written = 0
        for names in self.blobs.files.names():
            for item in self.catalog.find_items_by_blob(self.descriptions.filter_missing(names)):
                self.descriptions.write(item)
                written += 1
        if not self.identity.described():
            self.identity.record(described=True)
        return written


def open_store(settings: Settings, clock: Callable[[], float] = time.time) -> Store:
    """Open the library below `settings.root`, making what is missing and bringing its tables up to
    date.

    Any number of processes may do so at once. Raises `WrongLibrary` when the catalog and the folder
    do not belong together, `Unavailable` when the folder cannot be written or the database does not
    answer, `InvalidInput` for a bad database URL.
    """
    root = settings.root
    with translate_disk_errors(root):
        if still_open := make_home_private(root):
            structlog.get_logger().warning("files of the library can be read by others", example=str(still_open[0]))
        if path := sqlite_file(settings.catalog_url):
            path.parent.mkdir(parents=True, exist_ok=True)
    database = Database(settings.catalog_url)
    locks = root / "locks"
    identity = LibraryIdentity(root, database)
    try:
        identity.open(lambda: migrate(database, locks / "catalog.lock"))
    except BaseException:
        database.close()
        raise
    blobs = BlobStore(root / "blobs", locks / "blobs.lock")
    return Store(
        settings=settings,
        catalog=Catalog(database, clock),
        blobs=blobs,
        shards=ShardStore(root / "shards", locks / "shards.lock"),
        uploads=ResumableUploads(
            root / "blobs" / "uploads",
            blobs,
            locks / "uploads.lock",
            settings.upload_seconds,
            settings.upload_empty_seconds,
            clock,
        ),
        descriptions=DescriptionStore(blobs),
        identity=identity,
        database=database,
        watch=CatalogWatch(database, settings.refresh_seconds),
    )
