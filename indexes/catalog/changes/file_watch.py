"""Whether the file of a SQLite catalog is still the one that was opened, and has not become
shorter."""

from __future__ import annotations

from pathlib import Path

from indexes.catalog.database import REPAIR
from mm.errors import WrongLibrary


class CatalogFileGuard:
    """SQLite never shortens the file of this catalog, and goes on with one that was removed: both
    are seen only from outside.

    Safe to use from several threads.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` is None for a catalog that is in no file."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def begin(self) -> None:
        """The file as it is now is the one that was opened."""
        self._seen = self._look()

    def check(self) -> None:
        """Raise `WrongLibrary` when it is another one by now, is gone or has become shorter."""
        if self._path is None or self._seen is None:
            return
        now = self._look()
        if now is None or now[:2] != self._seen[:2]:
            raise WrongLibrary(f"The catalog {self._path} was removed or replaced while it was in use; restart the service.")
        if now[2] < self._seen[2]:
            raise WrongLibrary(
                f"The catalog {self._path} was truncated while it was in use, from {self._seen[2]:,} to {now[2]:,} bytes. "
                f"Stop the service. {REPAIR}"
            )
        self._seen = now

    def _look(self) -> tuple[int, int, int] | None:
        """Device, inode and bytes."""
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino, status.st_size
