"""A folder of files that are named by the SHA-256 of their bytes: `aa/<sha256>`, immutable, the same bytes once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from indexes.files import TEMPORARY, locked, move_into_place, naming_disk_errors, remove_older, sync_folder

DIGEST = re.compile(r"[0-9a-f]{64}")
LOCK_SECONDS = 60.0
BATCH = 500
"""Names that are looked up in the catalog at once."""


class AddressedFiles:
    """Safe to use from any number of threads and processes.

    Files that nothing refers to are swept after a while. Whoever stores the same bytes again in that moment must not lose them:
    storing renews the age of the file, and the lock parts that from the sweep's last look at it.
    """

    def __init__(self, folder: Path, lock: Path, suffix: str = "") -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._lock = lock
        self._suffix = suffix

    def path(self, digest: str) -> Path:
        """Where the file of that name is, whether it exists or not. Raises `ValueError` for what is no SHA-256."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest[:80]!r} is no SHA-256")
        return self.folder / digest[:2] / f"{digest}{self._suffix}"

    def keep(self, temporary: Path, digest: str) -> None:
        """Move a temporary file, which must be safely on disk, to its name. What is there in the right size stays."""
        path = self.path(digest)
        with locked(self._lock, LOCK_SECONDS), naming_disk_errors(self.folder):
            if path.exists() and path.stat().st_size == temporary.stat().st_size:
                os.utime(path)
                temporary.unlink()
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder)
            move_into_place(temporary, path)

    def delete(self, digest: str) -> None:
        """Remove the file, if it is there."""
        path = self.path(digest)
        with naming_disk_errors(self.folder):
            path.unlink(missing_ok=True)
            if path.parent.exists():
                sync_folder(path.parent)

    def sweep(self, older_than: float) -> int:
        """Remove temporary files that nobody has written to for so many seconds. Returns how many."""
        return remove_older(self.incoming.glob(f"*{TEMPORARY}"), older_than)

    def sweep_orphans(self, unknown: Callable[[Sequence[str]], set[str]], older_than: float) -> int:
        """Remove files older than `older_than` seconds that `unknown`, asked for some names, returns. Returns how many."""
        removed = 0
        for names in self._batches():
            orphans = unknown(names)
            with locked(self._lock, LOCK_SECONDS):
                removed += remove_older(iter([self.path(name) for name in names if name in orphans]), older_than)
        return removed

    def _batches(self) -> Iterator[list[str]]:
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
