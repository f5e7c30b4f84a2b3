"""Catalogs in files of SQLite that are out of use: renamed, never deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from indexes.storage.files import translate_disk_errors

if TYPE_CHECKING:
    from pathlib import Path


def rename_catalog(catalog: Path) -> Path | None:
    """Rename a file of SQLite, with what SQLite keeps beside it. Returns where it is, None if there
    is none."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = catalog.with_name(f"{catalog.stem}-{stamp}{catalog.suffix}")
    with translate_disk_errors(catalog.parent):
        for ending in ("-wal", "-shm", ""):  # the file itself last: it is not read without its log
            path = catalog.with_name(catalog.name + ending)
            if path.exists():
                path.rename(aside.with_name(aside.name + ending))
    return aside if aside.exists() else None
