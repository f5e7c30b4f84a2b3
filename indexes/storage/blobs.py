"""Blobs: the bytes of items as they were uploaded, in `MM_HOME/blobs/aa/<sha256>`."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Self

from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.files import temporary_path, translate_disk_errors


class BlobStore:
    """Blobs by their SHA-256. Safe to use from any number of threads and processes."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._files = ContentAddressedFiles(folder, lock)

    def open_writer(self) -> BlobWriter:
        """A writer for a new blob, to use in a `with` block."""
        return BlobWriter(self._files)

    def path(self, sha256: str) -> Path:
        """The path of a blob, whether it exists or not."""
        return self._files.path(sha256)

    def add(self, temporary: Path, sha256: str) -> None:
        """Move a flushed file of the same file system to the blob path of its SHA-256."""
        self._files.add(temporary, sha256)

    def delete(self, sha256: str) -> None:
        """Delete a blob and its description, if they exist."""
        self._files.delete(sha256)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files of uploads whose process ended. Returns how many."""
        return self._files.sweep(older_than_seconds)

    @property
    def files(self) -> ContentAddressedFiles:
        """The content-addressed folder, for garbage collection."""
        return self._files


class BlobWriter:
    """Writes a blob and hashes it; without a commit the `with` block removes it.

    Every method raises `Unavailable` when the disk fails, `StorageFull` when it is full.
    """

    def __init__(self, files: ContentAddressedFiles) -> None:
        self._files = files
        self._hash = hashlib.sha256()
        self._size = 0
        self.path = temporary_path(files.incoming)
        """The temporary file; bytes can be read from it as soon as they are written."""

    def __enter__(self) -> Self:
        with translate_disk_errors(self._files.folder):
            self._files.prepare()
            # Without a buffer: written bytes can be read by the path at once.
            self._file: io.FileIO = io.FileIO(self.path, "xb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        view = memoryview(data)
        with translate_disk_errors(self._files.folder):
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(data)
        self._size += len(data)

    def commit(self) -> tuple[str, int]:
        """Flush the bytes and move them to the blob's path; ends the writer.

        Returns the SHA-256 and the size.
        """
        digest = self._hash.hexdigest()
        with translate_disk_errors(self._files.folder):
            os.fsync(self._file.fileno())
            self._file.close()
        self._files.add(self.path, digest)
        return digest, self._size
