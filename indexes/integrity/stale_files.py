"""Removal of files that the catalog does not own: temporary files and entries of the caches."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from indexes.storage.content_addressed import BATCH
from indexes.storage.files import hold_lock, remove_stale
from indexes.vectors.manifest import read_manifest
from mm.errors import Corrupt, Unavailable
from mm.files import TEMPORARY


def remove_temporary_files(root: Path, older_than: float) -> int:
    """Remove temporary files that were not written for `older_than` seconds. Returns how many."""
    folders = ("", "run", "cache/thumbnails/*/*", "index/*")
    temporary = (root.glob(f"{folder}/*{TEMPORARY}" if folder else f"*{TEMPORARY}") for folder in folders)
    return remove_stale(chain(*temporary, (root / "cache" / "graphs").glob(".*")), older_than)


def remove_unused_graphs(root: Path, older_than: float) -> int:
    """Remove graphs that no process used for `older_than` seconds. Returns how many.

    Graphs are a cache and are built again when needed.
    """
    return remove_stale((root / "cache" / "graphs").glob("*.onnx"), older_than)


def remove_unlisted_index_parts(root: Path, older_than: float) -> int:
    """Remove index parts older than `older_than` seconds that no manifest lists. Returns how many.

    They remain where a process ended between writing a part and listing it. An index that is locked
    or damaged is skipped: its writer removes them.
    """
    removed = 0
    for folder in (root / "index").glob("*"):
        try:
            with hold_lock(root / "locks" / f"index-{folder.name}.lock", 0.0):
                manifest = read_manifest(folder)
                listed = set() if manifest is None else {entry.name for entry in manifest.parts}
                unlisted = [path for path in folder.glob("part-*") if path.name not in listed]
                removed += sum(_remove_folder(path) for path in _older_folders(unlisted, older_than))
        except (Unavailable, Corrupt):
            continue
    return removed


def remove_orphaned_thumbnails(root: Path, find_missing: Callable[[Sequence[str]], set[str]], older_than: float) -> int:
    """Remove the thumbnail folders of deleted items. Returns how many.

    Folders younger than `older_than` seconds stay. `find_missing` returns the ids that are no item.
    """
    folders = sorted((root / "cache" / "thumbnails").glob("*/*"))
    removed = 0
    for start in range(0, len(folders), BATCH):
        batch = folders[start : start + BATCH]
        missing = find_missing([path.name for path in batch])
        orphaned = [path for path in batch if path.name in missing]
        removed += sum(_remove_folder(path) for path in _older_folders(orphaned, older_than))
    return removed


def _older_folders(folders: Sequence[Path], seconds: float) -> Iterator[Path]:
    limit = time.time() - seconds
    for path in folders:
        try:
            if path.stat().st_mtime <= limit:
                yield path
        except FileNotFoundError:
            continue


def _remove_folder(path: Path) -> int:
    shutil.rmtree(path, ignore_errors=True)
    return 1
