"""Garbage collection of blobs and shards: what no row of the catalog refers to, and what becomes of
it.

A file that lost its row by a command, which the catalog notes as released, is deleted. A blob that
has a description is an item that the catalog lost: it stays, and a person decides. Any other file
without a row is left over from work that ended too early: it is moved to the trash, unless that
would be more than a share of all files. Then nothing is moved, and a person decides.
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
"""Files that may be moved to the trash at once, however few there are in all."""
REPORT = "run/garbage.json"


class GarbageReport(BaseModel):
    """The last garbage collection: what the service and `mm doctor` show. In `REPORT` below the
    home folder."""

    at: float
    """Seconds of `time.time()`."""
    refused: list[str]
    """Why files were left that have no row, one sentence each."""


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of files."""

    name: str
    """For messages."""
    files: ContentAddressedFiles
    unknown: Callable[[Sequence[str]], set[str]]
    """Those of some names that no row refers to."""
    is_item: Callable[[str], bool]
    """Whether a file without a row belongs to an item that the catalog lost."""
    older_than: float
    """Seconds for which nobody has stored a file that may go."""


@dataclass
class _Found:
    """Files without a row, by what is to become of them."""

    total: int = 0
    released: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


class Collector:
    """One garbage collection."""

    def __init__(self, catalog: Catalog, share: float, *, commanded: bool = False) -> None:
        """`share` is the largest part of a folder that goes at once. `commanded` lifts it and takes
        lost items too."""
        self._catalog = catalog
        self._share = share
        self._commanded = commanded
        self.refused: list[str] = []
        """Why files were left that have no row, one sentence each."""

    def collect(self, source: Source) -> int:
        """Collect from one folder. Returns how many files were deleted or moved to the trash."""
        found = self._find(source)
        removed = self._each(source, found.released, source.files.delete_stale)
        self._catalog.delete_released(found.released)
        if found.items and self._commanded:
            found.leftovers += found.items
        elif found.items:
            self._refuse(
                f"{len(found.items):,} {source.name} belong to items that the catalog does not know; they are kept. "
                "`mm doctor --rebuild` adds the items to the catalog, `mm doctor --collect` moves the files to the trash."
            )
        allowed = max(ALWAYS_ALLOWED, int(self._share * found.total))
        if len(found.leftovers) > allowed and not self._commanded:
            self._refuse(
                f"{len(found.leftovers):,} of {found.total:,} {source.name} belong to no item; at most {allowed:,} are moved to "
                "the trash at once (MM_SWEEP_SHARE), so none was. `mm doctor --collect` moves them."
            )
            return removed
        moved = self._each(source, found.leftovers, source.files.move_to_trash)
        if moved:
            new = NewAudit(action="garbage.trash", subject=source.name, detail={"files": moved, "names": found.leftovers})
            self._catalog.record_audit(LOCAL if self._commanded else WORKER, new)
        return removed + moved

    def _find(self, source: Source) -> _Found:
        found = _Found()
        for names in source.files.names():
            found.total += len(names)
            old = source.files.filter_stale(sorted(source.unknown(names)), source.older_than)
            released = self._catalog.find_released(old)
            for name in old:
                kind = found.released if name in released else found.items if source.is_item(name) else found.leftovers
                kind.append(name)
        return found

    def _each(self, source: Source, names: Sequence[str], take: Callable[[Sequence[str], float], int]) -> int:
        """Take files of which no row has come to know in the meantime."""
        taken = 0
        for start in range(0, len(names), BATCH):
            still = source.unknown(names[start : start + BATCH])
            taken += take(sorted(still), source.older_than)
        return taken

    def _refuse(self, reason: str) -> None:
        self.refused.append(reason)
        structlog.get_logger().error("garbage collection refused", detail=reason)


def read_report(root: Path) -> GarbageReport | None:
    """The outcome of the last garbage collection, None if there was none."""
    try:
        return GarbageReport.model_validate_json((root / REPORT).read_bytes())
    except (OSError, ValidationError):
        return None


def write_report(root: Path, refused: Sequence[str]) -> None:
    """Note the outcome of a garbage collection."""
    write_durable(root / REPORT, GarbageReport(at=time.time(), refused=list(refused)).model_dump_json().encode())
