"""An upload in the hands of the one who may write to it."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexes.storage.files import translate_disk_errors, write_durable
from indexes.storage.resumable_info import DATA, INFO, WANTED, UploadInfo
from mm.files import hash_file

if TYPE_CHECKING:
    from indexes.storage.blobs import BlobStore

CHECKPOINT_BYTES = 32 << 20
CHECKPOINT_SECONDS = 2.0
"""After so many bytes or so much time what came is flushed and counts: as much is sent again after
a crash."""
STORED_SECONDS = 3600.0
"""How long a caller that lost the last answer may ask what its upload became."""


class OpenUpload:
    """Holds the lock until it is closed; a process that dies loses it. Methods raise `Unavailable`
    for a disk that fails."""

    def __init__(
        self, folder: Path, handle: int, info: UploadInfo, blobs: BlobStore, seconds: float, clock: Callable[[], float]
    ) -> None:
        self.info = info
        self._folder = folder
        self._handle = handle
        self._blobs = blobs
        self._seconds = seconds
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
        """Let the next one have it. What was written and not counted is as if it had never come."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def path(self) -> Path:
        """Where the bytes are."""
        if self.info.sha256 is not None and not self._data.exists():
            return self._blobs.path(self.info.sha256)
        return self._data

    @property
    def num_bytes_left(self) -> int:
        """Bytes that are still to come."""
        return self.info.length - self._written

    def is_intact(self) -> bool:
        """Whether every byte that counts is there."""
        return self.info.is_stored or (self.path.exists() and self.path.stat().st_size >= self.info.offset)

    def has_waiter(self) -> bool:
        """Whether another waits for it."""
        return (self._folder / WANTED).exists()

    def write(self, data: bytes) -> None:
        """Append at most `left` bytes; they count after the next `checkpoint`."""
        with translate_disk_errors(self._folder):
            if self._file is None:
                # Without a buffer: what was written is in the file whatever becomes of this
                # process.
                self._file = io.FileIO(self._data, "r+b")
                self._file.truncate(self.info.offset)
                self._file.seek(self.info.offset)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        self._written += len(data)

    def is_checkpoint_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        grown = self._written - self.info.offset
        return grown >= CHECKPOINT_BYTES or (grown > 0 and time.monotonic() >= self._checkpoint_at)

    def checkpoint(self) -> None:
        """Make what was written count: flush it, then write down how far it is. Without any byte it
        stays no longer for it."""
        if self._file is not None:
            with translate_disk_errors(self._folder):
                os.fsync(self._file.fileno())
        expires_at = self._clock() + self._seconds if self._written else self.info.expires_at
        self._save(offset=self._written, expires_at=expires_at)
        self._checkpoint_at = time.monotonic() + CHECKPOINT_SECONDS

    def discard(self) -> None:
        """Forget what was written since the last checkpoint."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._written = self.info.offset

    def digest(self) -> str:
        """SHA-256 of the whole file, which must be complete. Reads it once; later calls know it."""
        if self.info.sha256 is None:
            with translate_disk_errors(self._folder):
                sha256 = hash_file(self._data)
            self._save(sha256=sha256)
        assert self.info.sha256 is not None
        return self.info.sha256

    def commit(self) -> tuple[str, int]:
        """Make the file a blob, as `BlobWriter.commit` does; doing it again after a crash does no
        harm."""
        sha256 = self.digest()
        if self._data.exists():
            self.discard()
            self._blobs.add(self._data, sha256)
        else:
            with translate_disk_errors(self._folder):
                os.utime(self._blobs.path(sha256))  # so that no sweep takes it for an orphan before its row is there
        return sha256, self.info.length

    def mark_stored(self, item_id: str, job_id: str | None, *, created: bool) -> None:
        """Write down what it became."""
        expires_at = self._clock() + min(STORED_SECONDS, self._seconds)
        self._save(item_id=item_id, job_id=job_id, created=created, expires_at=expires_at)

    def remove(self) -> None:
        """End the upload; the bytes go, unless they are an item's."""
        with translate_disk_errors(self._folder):
            (self._folder / INFO).unlink(missing_ok=True)  # first: without it, the rest is nothing
            shutil.rmtree(self._folder, ignore_errors=True)

    def _save(self, **changes: object) -> None:
        info = self.info.model_copy(update=changes)
        write_durable(self._folder / INFO, info.model_dump_json().encode())
        self.info = info
