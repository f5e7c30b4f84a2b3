"""A library on disk: its catalog, its files, and the checks that both belong together.

Layout below `MM_HOME`:

| path | content |
| --- | --- |
| `catalog.db` | the catalog, unless `MM_DATABASE_URL` names a PostgreSQL database |
| `blobs/aa/<sha256>`, `.json` | the bytes of each item, and its description |
| `shards/aa/<sha256>.safetensors` | vectors of the chunks of an item |
| `index/<space>/` | the search index, a cache that is built from the shards |
| `heat/aa/<sha256>.png` | heat maps of results of inspections |
| `lesions/<key>/` | DICOM files of analyses, their results and exports |
| `cache/` | thumbnails and graphs, built again when needed |
| `library.json`, also in `blobs/` and `shards/` | identity of the catalog of the folder |
| `locks/`, `run/` | locks between processes, and files of the running service |

The catalog is the source of truth: a file without a row is garbage.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog
from sqlalchemy import select

from indexes.catalog.audit import LOCAL, WORKER, Actor, AuditDetail, NewAudit
from indexes.catalog.catalog import Catalog
from indexes.catalog.changes.watch import CatalogWatch
from indexes.catalog.database import REPAIR, Database, sqlite_file
from indexes.catalog.migrate import migrate
from indexes.catalog.tables import Table
from indexes.integrity.deletion import LIBRARY_LOCK, Deletions, write_changed_descriptions
from indexes.integrity.garbage import ALWAYS_ALLOWED, CollectedFolder, GarbageCollector, write_report
from indexes.integrity.identity import LibraryIdentity
from indexes.integrity.stale_files import (
    remove_orphaned_thumbnails,
    remove_temporary_files,
    remove_unlisted_index_parts,
    remove_unused_graphs,
)
from indexes.storage.blobs import BlobStore
from indexes.storage.descriptions import DescriptionStore, EncodedItem
from indexes.storage.exports import ExportStore
from indexes.storage.files import hold_lock, translate_disk_errors
from indexes.storage.heat_maps import HeatMapStore
from indexes.storage.resumable import ResumableUploads
from indexes.storage.shards import ShardStore
from mm.errors import WrongLibrary
from mm.lesions.folders import LesionFolders
from mm.private import make_home_private

if TYPE_CHECKING:
    from mm.settings import Settings
    from mm.spaces.types import SpaceId

DROP_BATCH = 200
"""Items that one transaction withdraws from a space, so that other writers are not held up."""
LOCK_SECONDS = 60.0
"""Longest wait for the lock of an index that is deleted, or for `LIBRARY_LOCK`."""
GRAPH_SECONDS = 30 * 24 * 3600.0
"""Age of an unused graph of a tower at which it is removed."""
SHARD_SECONDS = 3600.0
"""Age of a shard without a row at which no running task needs it. Vectors of a deleted item are
removed after it."""


@dataclass(frozen=True)
class Store:
    """An open library. Safe to share between threads, not across a fork."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore
    shards: ShardStore
    heat_maps: HeatMapStore
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
        """Close the connections to the database."""
        self.database.close()

    @property
    def exports(self) -> ExportStore:
        """Files of exported clips."""
        return ExportStore(self.settings.root)

    @property
    def deletions(self) -> Deletions:
        """Deletes items for good."""
        return Deletions(self.settings.root, self.catalog, self.blobs)

    def drop_space(self, space: SpaceId, by: Actor = LOCAL) -> int:
        """Withdraw all items from a space and delete its index. Returns the number of items.

        The next sweep deletes the shards. Raises `Conflict` as `Catalog.drop_space`, `Unavailable`
        while another process writes the index.
        """
        dropped = 0
        while num_items := self.catalog.drop_space(space, DROP_BATCH, by):
            dropped += num_items
        with hold_lock(self.settings.root / "locks" / f"index-{space}.lock", LOCK_SECONDS):
            shutil.rmtree(self.settings.root / "index" / str(space), ignore_errors=True)
        return dropped

    def check(self) -> None:
        """Raise `WrongLibrary` when the catalog or the folder is not the one that was opened.

        Raises `Unavailable` when the first or the last row of a table cannot be read.
        """
        if self.identity.check() is None:
            raise WrongLibrary(f"The catalog has no tables. {REPAIR}")
        self.database.check_writable()
        with self.database.read() as session:
            for table in Table.metadata.sorted_tables:
                keys = list(table.primary_key)
                session.execute(select(*keys).limit(1)).first()
                session.execute(select(*keys).order_by(*(key.desc() for key in keys)).limit(1)).first()

    def sweep(self, older_than: float) -> int:
        """Remove stale and unreferenced files. Returns how many files and folders.

        Removes temporary files, thumbnails of deleted items and unlisted index parts older than
        `older_than` seconds, expired uploads, unused graphs, and garbage of the catalog (see
        `indexes.integrity.garbage`). While the catalog and the folder do not belong together,
        removes only temporary files, index parts and graphs.
        """
        root = self.settings.root
        removed = remove_temporary_files(root, older_than) + remove_unlisted_index_parts(root, older_than)
        removed += remove_unused_graphs(root, max(older_than, GRAPH_SECONDS))
        try:
            self.identity.record_revision()
        except WrongLibrary as error:
            structlog.get_logger().error("garbage collection refused", detail=str(error))
            write_report(root, [str(error)])
            return removed
        removed += self.uploads.sweep() + self.blobs.sweep(older_than) + self.shards.sweep(older_than)
        removed += self.heat_maps.sweep(older_than) + self._collect_lesion_folders(older_than)
        removed += remove_orphaned_thumbnails(root, self.catalog.find_missing_items, older_than)
        emptied = sum(
            files.empty_trash(self.settings.trash_days) for files in (self.blobs.files, self.shards.files, self.heat_maps.files)
        )
        if emptied:
            new = NewAudit(action="garbage.delete", subject="trash", detail={"files": emptied})
            self.catalog.record_audit(WORKER, new)
        removed += emptied + self.deletions.expire(self.settings.trash_days) + self.exports.expire(self.settings.export_days)
        self.write_missing_descriptions()
        self.describe_items()
        return removed + self.collect_garbage(older_than)

    def _collect_lesion_folders(self, older_than: float) -> int:
        """Move DICOM files to the trash whose request ended before their analysis was added.

        Folders with results are kept. Returns how many were moved, or deleted from the trash.
        """
        folders, catalog = LesionFolders(self.settings.root), self.catalog
        removed = folders.empty_trash(self.settings.trash_days)
        orphaned = sorted(catalog.find_unreferenced_lesion_folders(folders.list_unanalysed(older_than)))
        limit = max(ALWAYS_ALLOWED, int(self.settings.sweep_share * folders.count())) if orphaned else 0
        if len(orphaned) > limit:  # rather a catalog that lost its rows
            structlog.get_logger().error("garbage collection refused", folder="lesions", orphaned=len(orphaned), limit=limit)
            return removed
        for key in orphaned:
            folders.move_to_trash(key)
        if orphaned:
            detail: AuditDetail = {"files": len(orphaned), "names": orphaned}
            catalog.record_audit(WORKER, NewAudit(action="garbage.trash", subject="lesions", detail=detail))
        return removed + len(orphaned)

    def collect_garbage(self, older_than: float, *, force: bool = False) -> int:
        """Collect files older than `older_than` seconds without a row. Returns how many.

        `force` is for `mm doctor --collect`: it lifts the limit of
        `MM_SWEEP_SHARE` and also moves the files of items that the catalog lost to the trash.
        """
        collector = GarbageCollector(self.catalog, self.settings.sweep_share, force=force)
        blobs = CollectedFolder(
            "blobs", self.blobs.files, self.catalog.find_unreferenced_blobs, self.descriptions.exists, older_than
        )
        shard_age = min(older_than, SHARD_SECONDS)
        shards = CollectedFolder("shards", self.shards.files, self.catalog.find_unreferenced_shards, lambda _: False, shard_age)
        find_heat_maps = self.catalog.find_unreferenced_heat_maps
        heat_maps = CollectedFolder("heat maps", self.heat_maps.files, find_heat_maps, lambda _: False, shard_age)
        removed = sum(collector.collect(folder) for folder in (blobs, shards, heat_maps))
        write_report(self.settings.root, collector.refused)
        return removed

    def delete_item(self, item_id: str, by: Actor = LOCAL) -> bool:
        """Delete an item for good: see `indexes.integrity.deletion`. False if there is none."""
        return self.deletions.delete(item_id, by)

    def describe_items(self, item_ids: Sequence[str] | None = None) -> int:
        """Write the descriptions that are not up to date, of some items or of all.

        Returns how many. Raises `Unavailable` when the disk cannot be written.
        """
        return write_changed_descriptions(self.catalog, self.descriptions, self.settings.root / "locks" / LIBRARY_LOCK, item_ids)

    def write_encoded_description(self, item_id: str, encoded: EncodedItem) -> None:
        """Write into the description of an item which shards hold its vectors.

        Does nothing for a deleted item. Raises `Unavailable` when the disk cannot be written.
        """
        with hold_lock(self.settings.root / "locks" / LIBRARY_LOCK, LOCK_SECONDS):  # against a concurrent change of its tags
            item = self.catalog.get_item(item_id, with_trash=True)
            if item is not None:
                self.descriptions.write(item, encoded)

    def write_missing_descriptions(self) -> int:
        """Write the descriptions that items of an earlier version lack. Returns how many."""
        written = 0
        for names in self.blobs.files.names():
            for item in self.catalog.find_items_by_blob(self.descriptions.filter_missing(names)):
                self.descriptions.write(item)
                written += 1
        if not self.identity.has_all_descriptions():
            self.identity.record_revision(all_described=True)
        return written


def open_store(settings: Settings, clock: Callable[[], float] = time.time) -> Store:
    """Open the library below `settings.root`. Creates what is missing and runs migrations.

    Safe to call from several processes at once. Raises `WrongLibrary` when the catalog and the
    folder do not belong together, `Unavailable` when the folder cannot be written or the database
    does not respond, `InvalidInput` for an invalid database URL.
    """
    root = settings.root
    with translate_disk_errors(root):
        if readable := make_home_private(root):
            structlog.get_logger().warning("library files readable by other users", example=str(readable[0]))
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
        heat_maps=HeatMapStore(root / "heat", locks / "heat.lock"),
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
