"""The library on disk: the catalog and what its rows point to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from indexes.blobs import BlobStore
from indexes.catalog import Catalog
from indexes.engine import Database, sqlite_file
from indexes.files import locked, naming_disk_errors
from indexes.leftovers import sweep_graphs, sweep_index, sweep_pictures, sweep_temporary
from indexes.migrate import migrate
from indexes.partial import PartialUploads
from indexes.shards import ShardStore
from indexes.watch import CatalogWatch

if TYPE_CHECKING:
    from mm.settings import Settings
    from mm.spaces.types import SpaceId

DROPPED_AT_ONCE = 200
"""Items that one transaction withdraws from a space: others write in between."""
LOCK_SECONDS = 60.0
"""Longest wait for who writes an index that is to be deleted."""
GRAPH_SECONDS = 30 * 24 * 3600.0
"""Time without use after which the graph of a tower is removed."""
SHARD_SECONDS = 3600.0
"""Age at which a shard that no row refers to belongs to no running task: vectors of a deleted item are gone after it."""


@dataclass(frozen=True)
class Store:
    """Everything that outlives a process. Safe to share between threads, not across a fork."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore
    shards: ShardStore
    partial: PartialUploads
    database: Database
    watch: CatalogWatch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def drop_space(self, space: SpaceId) -> int:
        """Delete what the library has in a space, some items at a time; shards go with the next sweep. Returns how many items.

        Raises `Conflict` as `Catalog.drop_space`, `Unavailable` while the index of the space is being written.
        """
        dropped = 0
        while some := self.catalog.drop_space(space, DROPPED_AT_ONCE):
            dropped += some
        with locked(self.settings.root / "locks" / f"index-{space}.lock", LOCK_SECONDS):
            shutil.rmtree(self.settings.root / "index" / str(space), ignore_errors=True)
        return dropped

    def sweep(self, older_than: float) -> int:
        """Remove what crashes and deletes left behind: temporary files, blobs and pictures without an item and parts of an index
        that nobody has touched for `older_than` seconds, shards that no row refers to, expired uploads, unused graphs.
        Returns how many in all.
        """
        root = self.settings.root
        removed = sweep_temporary(root, older_than) + sweep_index(root, older_than) + self.partial.sweep()
        removed += sweep_graphs(root, max(older_than, GRAPH_SECONDS))
        removed += sweep_pictures(root, self.catalog.unknown_items, older_than)
        removed += self.blobs.sweep(older_than) + self.shards.sweep(older_than)
        removed += self.blobs.sweep_orphans(self.catalog.unknown_blobs, older_than)
        return removed + self.shards.sweep_orphans(self.catalog.unknown_shards, min(older_than, SHARD_SECONDS))


def open_store(settings: Settings, clock: Callable[[], float] = time.time) -> Store:
    """Open the library below `settings.root`, making what is missing and bringing its tables up to date.

    Any number of processes may do so at once. Raises `Unavailable` when the folder cannot be written or the database does not
    answer, `InvalidInput` for a bad database URL.
    """
    root = settings.root
    with naming_disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        if path := sqlite_file(settings.catalog_url):
            path.parent.mkdir(parents=True, exist_ok=True)
    database = Database(settings.catalog_url)
    locks = root / "locks"
    try:
        migrate(database, locks / "catalog.lock")
    except BaseException:
        database.close()
        raise
    blobs = BlobStore(root / "blobs", locks / "blobs.lock")
    return Store(
        settings=settings,
        catalog=Catalog(database, clock),
        blobs=blobs,
        shards=ShardStore(root / "shards", locks / "shards.lock"),
        partial=PartialUploads(root / "blobs" / "uploads", blobs, locks / "uploads.lock", settings.upload_seconds, clock),
        database=database,
        watch=CatalogWatch(database, settings.refresh_seconds),
    )
