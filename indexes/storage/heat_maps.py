"""Heat maps of results: PNG files of 16 bits, `MM_HOME/heat/aa/<sha256>.png`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.files import temporary_path, translate_disk_errors
from mm.errors import MissingData
from mm.files import open_new


class HeatMapStore:
    """Heat maps by their SHA-256. Safe to use from any number of threads and processes."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._files = ContentAddressedFiles(folder, lock, ".png")

    def write(self, data: bytes) -> str:
        """Store a file and return its SHA-256. Raises `Unavailable` when the disk fails."""
        digest = hashlib.sha256(data).hexdigest()
        with translate_disk_errors(self._files.folder):
            self._files.incoming.mkdir(parents=True, exist_ok=True)
            temporary = temporary_path(self._files.incoming)
            try:
                with open_new(temporary) as file:
                    file.write(data)
                self._files.add(temporary, digest)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def read(self, digest: str) -> bytes:
        """Read a file. Raises `MissingData`."""
        try:
            return self._files.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise MissingData("The heat map is missing in the library. Restore it from a backup, or inspect again.") from error

    def sweep(self, older_than: float) -> int:
        """Remove temporary files of processes that ended. Returns how many."""
        return self._files.sweep(older_than)

    @property
    def files(self) -> ContentAddressedFiles:
        """The content-addressed folder, for garbage collection."""
        return self._files
