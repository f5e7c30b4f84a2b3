"""The bytes of items, as they were uploaded: `MM_HOME/blobs/aa/<sha256>`."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Self

from indexes.storage.content_addressed import ContentAddressedFiles
from indexes.storage.files import temporary_path, translate_disk_errors


class BlobStore:
    """Safe to use from any number of threads and processes."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self._files = ContentAddressedFiles(folder, lock)

    def open_writer(self) -> BlobWriter:
        """A new blob, to be written in a `with` block."""
        return BlobWriter(self._files)

    def path(self, sha256: str) -> Path:
        """Where a blob is, whether it exists or not."""
        return self._files.path(sha256)

    def add(self, temporary: Path, sha256: str) -> None:
        """Make a file a blob. It must be safely on disk, in the same file system, and have that
        SHA-256."""
        self._files.add(temporary, sha256)

    def delete(self, sha256: str) -> None:
        """Remove a blob and its description, if they are there."""
        self._files.delete(sha256)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what uploads that ended with their process left behind. Returns how many files."""
        return self._files.sweep(older_than_seconds)

    @property
    def files(self) -> ContentAddressedFiles:
        """The folder, for garbage collection."""
        return self._files


class BlobWriter:
    """Bytes on their way to disk, hashed as they come. What is not committed is gone at the end of
    the `with` block.

    Every method raises `Unavailable` when the disk does not take the bytes.
    """

    def __init__(self, files: ContentAddressedFiles) -> None:
        self._files = files
        self._hash = hashlib.sha256()
        self._size = 0
        self.path = temporary_path(files.incoming)
        """Where the bytes written so far can be read."""

    def __enter__(self) -> Self:
        with translate_disk_errors(self._files.folder):
            self._files.prepare()
            # Without a buffer: what was written can be read by its path at once.
            self._file: io.FileIO = io.FileIO(self.path, "xb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append."""
        view = memoryview(data)
        with translate_disk_errors(self._files.folder):
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(data)
        self._size += len(data)

    def commit(self) -> tuple[str, int]:
        """Make the bytes a blob. Returns its SHA-256 and its size. The writer takes no more bytes
        after it."""
        digest = self._hash.hexdigest()
        with translate_disk_errors(self._files.folder):
            os.fsync(self._file.fileno())
            self._file.close()
        self._files.add(self.path, digest)
        return digest, self._size
