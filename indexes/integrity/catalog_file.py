"""Detects that the file of a SQLite catalog was removed, replaced or truncated while it is open."""

from __future__ import annotations

from pathlib import Path

from indexes.catalog.database import REPAIR
from mm.errors import WrongLibrary


class CatalogFileGuard:
    """Compares the file of an open SQLite catalog with the file that was opened.

    SQLite keeps using a file that was removed, and never shortens the file of this catalog, so
    both changes come from outside. Safe to use from several threads.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` is None for a catalog that is not a file."""
        self._path = path
        self._known: tuple[int, int, int] | None = None

    def start(self) -> None:
        """Take the present file as the one that was opened."""
        self._known = self._read_status()

    def check(self) -> None:
        """Raise `WrongLibrary` when the file was removed, replaced or truncated."""
        if self._path is None or self._known is None:
            return
        now = self._read_status()
        if now is None or now[:2] != self._known[:2]:
            raise WrongLibrary(f"The catalog {self._path} was removed or replaced while it was in use. Restart the service.")
        if now[2] < self._known[2]:
            raise WrongLibrary(
                f"The catalog {self._path} was truncated while it was in use, from {self._known[2]:,} to {now[2]:,} bytes. "
                f"Stop the service. {REPAIR}"
            )
        self._known = now

    def _read_status(self) -> tuple[int, int, int] | None:
        """Return device, inode and size in bytes; None without a file."""
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino, status.st_size
