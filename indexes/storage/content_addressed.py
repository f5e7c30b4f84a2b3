"""Content-addressed store: immutable files named by the SHA-256 of their bytes, `aa/<sha256>`."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from indexes.storage.files import hold_lock, remove_stale, rename_durable, sync_folder, translate_disk_errors
from indexes.storage.markers import MARKER
from mm.errors import WrongLibrary
from mm.files import TEMPORARY

DIGEST = re.compile(r"[0-9a-f]{64}")
LOCK_SECONDS = 60.0
BATCH = 500
"""Names in one lookup in the catalog."""


class ContentAddressedFiles:
    """A folder of content-addressed files. Safe to use from any number of threads and processes.

    Garbage collection removes unreferenced files above a minimum age. Storing existing bytes again
    renews the age of their file, and a lock excludes a collector between its last check of the age
    and the removal.
    """

    def __init__(self, folder: Path, lock: Path, suffix: str = "") -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.trash = folder / "trash"
        """Folder of collected files, `YYYY-MM-DD/<name>`, in the same file system."""
        self._lock = lock
        self._suffix = suffix

    def path(self, digest: str) -> Path:
        """The path of a file, existing or not. Raises `ValueError` for an invalid digest."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest[:80]!r} is not a SHA-256")
        return self.folder / digest[:2] / f"{digest}{self._suffix}"

    def description_path(self, digest: str) -> Path:
        """The path of the optional description of a file, which is deleted with it."""
        return self.path(digest).with_suffix(".json")

    def prepare(self) -> None:
        """Create the folder for temporary files.

        Raises `WrongLibrary` when the folder has no marker, as when it is not mounted.
        """
        if not (self.folder / MARKER).exists():
            raise WrongLibrary(
                f"The folder {self.folder} does not belong to the library: it has no {MARKER}. Check that it is mounted."
            )
        self.incoming.mkdir(exist_ok=True)

    def add(self, temporary: Path, digest: str) -> None:
        """Move a flushed temporary file to its path; an existing file of the same size stays."""
        path = self.path(digest)
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            if path.exists() and path.stat().st_size == temporary.stat().st_size:
                os.utime(path)
                temporary.unlink()
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder)
            rename_durable(temporary, path)

    def delete(self, digest: str) -> None:
        """Delete a file and its description, if they exist."""
        path = self.path(digest)
        with translate_disk_errors(self.folder):
            self.description_path(digest).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if path.parent.exists():
                sync_folder(path.parent)

    def sweep(self, older_than: float) -> int:
        """Remove temporary files not modified for so many seconds. Returns how many."""
        return remove_stale(self.incoming.glob(f"*{TEMPORARY}"), older_than)

    def names(self) -> Iterator[list[str]]:
        """Digests of all files, in batches."""
        names: list[str] = []
        for path in self.folder.glob(f"??/*{self._suffix}"):
            name = path.name.removesuffix(self._suffix)
            if DIGEST.fullmatch(name):
                names.append(name)
            if len(names) == BATCH:
                yield names
                names = []
        if names:
            yield names

    def filter_stale(self, names: Iterable[str], seconds: float) -> list[str]:
        """Names of existing files that were last stored at least so many seconds ago."""
        limit = time.time() - seconds
        return [name for name in names if _stored_before(self.path(name), limit)]

    def delete_stale(self, names: Iterable[str], older_than: float) -> int:
        """Delete the files of at least that age. Returns how many."""
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            stale = self.filter_stale(names, older_than)
            for name in stale:
                self.description_path(name).unlink(missing_ok=True)
                self.path(name).unlink(missing_ok=True)
            return len(stale)

    def move_to_trash(self, names: Iterable[str], older_than: float) -> int:
        """Move the files of at least that age to the trash of today. Returns how many."""
        moved = 0
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            for name in self.filter_stale(names, older_than):
                today = self._today_trash()
                for path in (self.description_path(name), self.path(name)):
                    if path.exists():
                        path.replace(today / path.name)
                moved += 1
        return moved

    def move_all_to_trash(self) -> int:
        """Move every file to the trash of today. Returns how many, not counting descriptions."""
        moved = 0
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
                path.replace(self._today_trash() / path.name)
                moved += path.suffix != ".json"
        return moved

    def _today_trash(self) -> Path:
        today = self.trash / datetime.now(UTC).date().isoformat()
        today.mkdir(parents=True, exist_ok=True)
        return today

    def empty_trash(self, days: float) -> int:
        """Delete trash folders older than so many days, 0 none. Returns how many files."""
        removed = 0
        if days == 0:
            return removed
        for folder in self.trash.glob("*"):
            moved_on = _parse_date(folder.name)
            if moved_on is not None and (datetime.now(UTC).date() - moved_on).days > days:
                removed += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder, ignore_errors=True)
        return removed


def _stored_before(path: Path, limit: float) -> bool:
    """Whether a file exists and was last stored before `limit`."""
    try:
        return path.stat().st_mtime <= limit
    except FileNotFoundError:
        return False


def _parse_date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
