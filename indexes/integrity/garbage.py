"""Garbage collection of blobs and shards that no row of the catalog refers to.

| file without a row | action |
| --- | --- |
| its row was removed by a command, so the catalog lists it as released | deleted |
| a blob with a description: an item that the catalog lost | kept and reported |
| any other: work that was interrupted before it wrote the row | moved to the trash |

When the last kind exceeds a share of all files (`MM_SWEEP_SHARE`), none is moved and the collection
is reported as refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, ValidationError

from indexes.catalog.audit import LOCAL, WORKER, NewAudit
from indexes.storage.content_addressed import BATCH
from indexes.storage.files import write_durable

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.catalog.catalog import Catalog
    from indexes.storage.content_addressed import ContentAddressedFiles

ALWAYS_ALLOWED = 10
"""Files that may be moved to the trash at once, however few files there are."""
REPORT = "run/garbage.json"


class GarbageReport(BaseModel):
    """Result of the last garbage collection, stored as `REPORT` below the home folder."""

    at: float
    """Seconds of `time.time()`."""
    refused: list[str]
    """Why unreferenced files were kept, one sentence each."""


@dataclass(frozen=True, slots=True)
class CollectedFolder:
    """A folder of content-addressed files, and how to find the unreferenced ones."""

    name: str
    """Name in messages."""
    files: ContentAddressedFiles
    find_unreferenced: Callable[[Sequence[str]], set[str]]
    """Return the names to which no row refers."""
    is_lost_item: Callable[[str], bool]
    """Return whether an unreferenced file belongs to an item that the catalog lost."""
    older_than: float
    """Minimum age in seconds of a file that is collected, since it was last stored."""


@dataclass
class _Unreferenced:
    """Unreferenced files of a folder by the action to take, and the number of all its files."""

    total: int = 0
    released: list[str] = field(default_factory=list)
    lost_items: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)


class GarbageCollector:
    """One garbage collection."""

    def __init__(self, catalog: Catalog, max_share: float, *, force: bool = False) -> None:
        """`max_share` limits the orphaned files of a folder that are moved to the trash at once.

        `force` lifts the limit and also moves the files of lost items.
        """
        self._catalog = catalog
        self._max_share = max_share
        self._force = force
        self.refused: list[str] = []
        """Why unreferenced files were kept, one sentence each."""

    def collect(self, folder: CollectedFolder) -> int:
        """Collect garbage in one folder. Returns how many files were deleted or moved."""
        unreferenced = self._find_unreferenced(folder)
        deleted = self._for_each_batch(folder, unreferenced.released, folder.files.delete_stale)
        self._catalog.delete_released(unreferenced.released)
        orphaned = unreferenced.orphaned
        if unreferenced.lost_items and self._force:
            orphaned += unreferenced.lost_items
        elif unreferenced.lost_items:
            self._refuse(
                f"{len(unreferenced.lost_items):,} {folder.name} belong to items that the catalog does not contain; they are "
                "kept. Run `mm doctor --rebuild` to add the items to the catalog, or `mm doctor --collect` to move the files to "
                "the trash."
            )
        limit = max(ALWAYS_ALLOWED, int(self._max_share * unreferenced.total))
        if len(orphaned) > limit and not self._force:
            self._refuse(
                f"{len(orphaned):,} of {unreferenced.total:,} {folder.name} belong to no item, more than the {limit:,} that may "
                "be moved to the trash at once (MM_SWEEP_SHARE); they are kept. Run `mm doctor --collect` to move them."
            )
            return deleted
        moved = self._for_each_batch(folder, orphaned, folder.files.move_to_trash)
        if moved:
            new = NewAudit(action="garbage.trash", subject=folder.name, detail={"files": moved, "names": orphaned})
            self._catalog.record_audit(LOCAL if self._force else WORKER, new)
        return deleted + moved

    def _find_unreferenced(self, folder: CollectedFolder) -> _Unreferenced:
        unreferenced = _Unreferenced()
        for names in folder.files.names():
            unreferenced.total += len(names)
            stale = folder.files.filter_stale(sorted(folder.find_unreferenced(names)), folder.older_than)
            released = self._catalog.find_released(stale)
            for name in stale:
                if name in released:
                    unreferenced.released.append(name)
                elif folder.is_lost_item(name):
                    unreferenced.lost_items.append(name)
                else:
                    unreferenced.orphaned.append(name)
        return unreferenced

    def _for_each_batch(
        self, folder: CollectedFolder, names: Sequence[str], remove: Callable[[Sequence[str], float], int]
    ) -> int:
        """Remove files that are still unreferenced. Returns how many."""
        removed = 0
        for start in range(0, len(names), BATCH):
            still_unreferenced = folder.find_unreferenced(names[start : start + BATCH])
            removed += remove(sorted(still_unreferenced), folder.older_than)
        return removed

    def _refuse(self, reason: str) -> None:
        self.refused.append(reason)
        structlog.get_logger().error("garbage collection refused", detail=reason)


def read_report(root: Path) -> GarbageReport | None:
    """Read the result of the last garbage collection, None if there was none."""
    try:
        return GarbageReport.model_validate_json((root / REPORT).read_bytes())
    except (OSError, ValidationError):
        return None


def write_report(root: Path, refused: Sequence[str]) -> None:
    """Store the result of a garbage collection."""
    write_durable(root / REPORT, GarbageReport(at=time.time(), refused=list(refused)).model_dump_json().encode())
