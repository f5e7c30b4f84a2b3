"""Deletion of items for good with their files, and descriptions that are due after changes.

Both change files together with rows, and are excluded from each other and from uploads by a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from indexes.catalog.audit import LOCAL, WORKER, Actor
from indexes.storage.files import hold_lock
from mm.lesions.folders import LesionFolders

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.catalog.catalog import Catalog
    from indexes.storage.blobs import BlobStore
    from indexes.storage.descriptions import DescriptionStore

LIBRARY_LOCK = "library.lock"
"""Lock of operations that change the bytes or the description of an item together with its row."""
LOCK_SECONDS = 60.0
"""Longest wait for `LIBRARY_LOCK`."""
EXPIRED_ITEMS = 1000
"""Items that one sweep deletes for good at most."""
DESCRIBED_ITEMS = 200
"""Descriptions that are written under one lock."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """Deletes items of one library for good. Safe to share between threads."""

    root: Path
    catalog: Catalog
    blobs: BlobStore

    def delete(self, item_id: str, by: Actor = LOCAL) -> bool:
        """Delete an item, in the trash or not, with its file and its analyses. False if none.

        The row goes first: a file without it is recorded as released, and the next sweep deletes
        it. Thumbnails, shards and heat maps are left to the sweeps. Raises `Unavailable`.
        """
        folders = LesionFolders(self.root)
        with hold_lock(self.root / "locks" / LIBRARY_LOCK, LOCK_SECONDS):
            item = self.catalog.get_item(item_id, with_trash=True)
            if item is None:
                return False
            for job in self.catalog.list_lesion_jobs_of_item(item_id):
                self.catalog.delete_lesion_job(job.id, by)
                folders.remove(str(job.payload["folder"]))
            self.catalog.delete_item(item_id, by)
            self.blobs.delete(item.sha256)
        return True

    def expire(self, days: float) -> int:
        """Delete the items that are in the trash for more than `days`; 0 keeps all.

        Returns how many were deleted.
        """
        if days == 0:
            return 0
        expired = self.catalog.list_trashed_before(datetime.now(UTC) - timedelta(days=days), EXPIRED_ITEMS)
        return sum(self.delete(item_id, WORKER) for item_id in expired)


def write_changed_descriptions(
    catalog: Catalog, descriptions: DescriptionStore, lock: Path, item_ids: Sequence[str] | None = None
) -> int:
    """Write the descriptions that are not up to date, of some items or of all. Returns how many.

    Raises `Unavailable` when the disk cannot be written.
    """
    described = 0
    while rows := catalog.list_undescribed(DESCRIBED_ITEMS, item_ids):
        with hold_lock(lock, LOCK_SECONDS):
            rows = catalog.list_undescribed(DESCRIBED_ITEMS, [row.id for row in rows])
            for row in rows:
                descriptions.write(row)
            catalog.mark_described(rows)
        described += len(rows)
    return described
