"""A folder of files that are named by the SHA-256 of their bytes: `aa/<sha256>`, immutable, the
same bytes once."""

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
"""Names that are looked up in the catalog at once."""


class ContentAddressedFiles:
    """Safe to use from any number of threads and processes.

    Files that nothing refers to are collected after a while. Whoever stores the same bytes again in
    that moment must not lose them: storing renews the age of the file, and the lock separates that
    from the collector's last look at it.
    """

    def __init__(self, folder: Path, lock: Path, suffix: str = "") -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.trash = folder / "trash"
        """Of what garbage collection took: `YYYY-MM-DD/<name>`. In the same file system, which is
        why it is here."""
        self._lock = lock
        self._suffix = suffix

    def path(self, digest: str) -> Path:
        """Where the file of that name is, whether it exists or not. Raises `ValueError` for what is
        no SHA-256."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest[:80]!r} is no SHA-256")
        return self.folder / digest[:2] / f"{digest}{self._suffix}"

    def description_path(self, digest: str) -> Path:
        """Where a description of the file is kept, if it has one; it goes with the file."""
        return self.path(digest).with_suffix(".json")

    def prepare(self) -> None:
        """Make the folder for new files. Raises `WrongLibrary` when the folder has no marker: it is
        not mounted."""
        if not (self.folder / MARKER).exists():
            raise WrongLibrary(f"The folder {self.folder} is not the library's: it has no {MARKER}. Is it mounted?")
        self.incoming.mkdir(exist_ok=True)

    def add(self, temporary: Path, digest: str) -> None:
        """Move a temporary file, which must be safely on disk, to its name. What is there in the
        right size stays."""
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
        """Remove the file and its companion, if they are there."""
        path = self.path(digest)
        with translate_disk_errors(self.folder):
            self.description_path(digest).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if path.parent.exists():
                sync_folder(path.parent)

    def sweep(self, older_than: float) -> int:
        """Remove temporary files that nobody has written to for so many seconds. Returns how
        many."""
        return remove_stale(self.incoming.glob(f"*{TEMPORARY}"), older_than)

    def names(self) -> Iterator[list[str]]:
        """Names of all files, some at a time."""
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
        """Those whose files nobody has stored for so long."""
        limit = time.time() - seconds
        return [name for name in names if _stored_before(self.path(name), limit)]

    def delete_stale(self, names: Iterable[str], older_than: float) -> int:
        """Delete files that are at least so old. Returns how many."""
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            old = self.filter_stale(names, older_than)
            for name in old:
                self.description_path(name).unlink(missing_ok=True)
                self.path(name).unlink(missing_ok=True)
            return len(old)

    def move_to_trash(self, names: Iterable[str], older_than: float) -> int:
        """Move files that are at least so old to the trash of today. Returns how many."""
        moved = 0
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            for name in self.filter_stale(names, older_than):
                today = self._today()
                for path in (self.description_path(name), self.path(name)):
                    if path.exists():
                        path.replace(today / path.name)
                moved += 1
        return moved

    def move_all_to_trash(self) -> int:
        """Move every file to the trash of today. Returns how many, without descriptions."""
        moved = 0
        with hold_lock(self._lock, LOCK_SECONDS), translate_disk_errors(self.folder):
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
                path.replace(self._today() / path.name)
                moved += path.suffix != ".json"
        return moved

    def _today(self) -> Path:
        today = self.trash / datetime.now(UTC).date().isoformat()
        today.mkdir(parents=True, exist_ok=True)
        return today

    def empty_trash(self, days: float) -> int:
        """Delete what has been in the trash for more than so many days. Returns how many files."""
        removed = 0
        for folder in self.trash.glob("*"):
            thrown = _date(folder.name)
            if thrown is not None and (datetime.now(UTC).date() - thrown).days > days:
                removed += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder, ignore_errors=True)
        return removed


def _stored_before(path: Path, limit: float) -> bool:
    """Whether a file is there and was last stored before `limit`."""
    try:
        return path.stat().st_mtime <= limit
    except FileNotFoundError:
        return False


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
