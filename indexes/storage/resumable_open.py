"""A resumable upload that one request has locked for writing."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexes.storage.files import translate_disk_errors, write_durable
from indexes.storage.resumable_info import DATA, INFO, RELEASE_REQUESTED, UploadInfo
from mm.files import hash_file

if TYPE_CHECKING:
    from indexes.storage.blobs import BlobStore

CHECKPOINT_BYTES = 32 << 20
CHECKPOINT_SECONDS = 2.0
"""Bytes and seconds between two checkpoints: at most as much must be sent again after a crash."""
STORED_SECONDS = 3600.0
"""How long a client that lost the last response can query the item of its upload."""


class OpenUpload:
    """An upload under its lock, which `close` or the end of the process releases.

    Methods raise `Unavailable` when the disk fails.
    """

    def __init__(
        self, folder: Path, handle: int, info: UploadInfo, blobs: BlobStore, expiry_seconds: float, clock: Callable[[], float]
    ) -> None:
        self.info = info
        self._folder = folder
        self._handle = handle
        self._blobs = blobs
        self._expiry_seconds = expiry_seconds
        self._clock = clock
        self._data = folder / DATA
        self._file: io.FileIO | None = None
        self._written = info.offset
        self._checkpoint_at = time.monotonic() + CHECKPOINT_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock; bytes written since the last checkpoint are discarded."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def path(self) -> Path:
        """The file with the bytes."""
        if self.info.sha256 is not None and not self._data.exists():
            return self._blobs.path(self.info.sha256)
        return self._data

    @property
    def num_bytes_left(self) -> int:
        """Bytes of the file that were not written yet."""
        return self.info.length - self._written

    def is_intact(self) -> bool:
        """Whether all bytes up to the offset exist."""
        return self.info.is_stored or (self.path.exists() and self.path.stat().st_size >= self.info.offset)

    def has_waiter(self) -> bool:
        """Whether another request waits for the lock."""
        return (self._folder / RELEASE_REQUESTED).exists()

    def write(self, data: bytes) -> None:
        """Append at most `num_bytes_left` bytes; the next checkpoint includes them."""
        with translate_disk_errors(self._folder):
            if self._file is None:
                # Without a buffer: written bytes are in the file even if this process is killed.
                self._file = io.FileIO(self._data, "r+b")
                self._file.truncate(self.info.offset)
                self._file.seek(self.info.offset)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        self._written += len(data)

    def is_checkpoint_due(self) -> bool:
        """Whether enough bytes or time have passed for a checkpoint."""
        num_bytes = self._written - self.info.offset
        return num_bytes >= CHECKPOINT_BYTES or (num_bytes > 0 and time.monotonic() >= self._checkpoint_at)

    def checkpoint(self) -> None:
        """Flush the bytes, then record the offset; renews the expiry unless the upload is empty."""
        if self._file is not None:
            with translate_disk_errors(self._folder):
                os.fsync(self._file.fileno())
        expires_at = self._clock() + self._expiry_seconds if self._written else self.info.expires_at
        self._save(offset=self._written, expires_at=expires_at)
        self._checkpoint_at = time.monotonic() + CHECKPOINT_SECONDS

    def discard(self) -> None:
        """Discard the bytes written since the last checkpoint."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._written = self.info.offset

    def digest(self) -> str:
        """SHA-256 of the complete file, computed once and recorded."""
        if self.info.sha256 is None:
            with translate_disk_errors(self._folder):
                sha256 = hash_file(self._data)
            self._save(sha256=sha256)
        assert self.info.sha256 is not None
        return self.info.sha256

    def commit(self) -> tuple[str, int]:
        """Move the file to its blob path, as `BlobWriter.commit` does; idempotent after a crash."""
        sha256 = self.digest()
        if self._data.exists():
            self.discard()
            self._blobs.add(self._data, sha256)
        else:
            with translate_disk_errors(self._folder):
                os.utime(self._blobs.path(sha256))  # garbage collection must not remove it before its row is written
        return sha256, self.info.length

    def mark_stored(self, item_id: str, job_id: str | None, *, created: bool) -> None:
        """Record the item and the job that were created from the upload."""
        expires_at = self._clock() + min(STORED_SECONDS, self._expiry_seconds)
        self._save(item_id=item_id, job_id=job_id, created=created, expires_at=expires_at)

    def remove(self) -> None:
        """Delete the upload, and its bytes unless they are a blob."""
        with translate_disk_errors(self._folder):
            (self._folder / INFO).unlink(missing_ok=True)  # first: a folder without it is no upload
            shutil.rmtree(self._folder, ignore_errors=True)

    def _save(self, **changes: object) -> None:
        info = self.info.model_copy(update=changes)
        write_durable(self._folder / INFO, info.model_dump_json().encode())
        self.info = info
