"""Resumable uploads, one folder each, `blobs/uploads/<id>/`: the bytes and an `info.json`.

The offset in `info.json` is the source of truth. It is written after the bytes before it were
flushed, so an upload resumes there after a kill or a power failure; bytes after it were not
acknowledged and are truncated. The hash is computed at the end from the file, because the state of
a hash cannot be stored.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from indexes.storage.files import hold_lock, sync_folder, translate_disk_errors, write_durable
from indexes.storage.resumable_info import DATA, INFO, LOCK, RELEASE_REQUESTED, UPLOAD_ID, UploadInfo
from indexes.storage.resumable_open import OpenUpload
from mm.errors import Gone, Locked, NotFound, StorageFull, TooMany

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.storage.blobs import BlobStore

LOCK_SECONDS = 60.0
RETRY_SECONDS = 10.0
"""Time after which a client that was refused may try again."""
MIN_FREE_BYTES = 64 << 20
"""Disk space that no upload may reserve."""
INCOMPLETE_SECONDS = 3600.0
"""Age from which a folder without a readable `info.json` is left by a crash."""


class ResumableUploads:
    """All uploads. Safe to use from any number of threads and processes of one machine."""

    def __init__(
        self,
        folder: Path,
        blobs: BlobStore,
        lock: Path,
        expiry_seconds: float,
        empty_expiry_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Expiry counts from the last checkpoint, of an empty upload from its creation."""
        self._folder = folder
        self._blobs = blobs
        self._lock = lock
        self._expiry_seconds = expiry_seconds
        self._empty_expiry_seconds = min(empty_expiry_seconds, expiry_seconds)
        self._clock = clock

    def create(
        self, length: int, name: str, tags: Sequence[str], metadata: str, owner: str, *, max_total: int, max_of_owner: int
    ) -> UploadInfo:
        """Create an upload of `length` bytes at offset 0.

        Raises `TooMany` when `max_total` are unfinished, or `max_of_owner` of the same owner,
        `StorageFull` when they reserve the rest of the disk, `Unavailable`.
        """
        upload_id = secrets.token_hex(16)
        folder = self._folder / upload_id
        info = UploadInfo(
            id=upload_id,
            length=length,
            name=name,
            tags=list(tags),
            metadata=metadata,
            owner=owner,
            expires_at=self._clock() + self._empty_expiry_seconds,
        )
        with translate_disk_errors(self._folder), hold_lock(self._lock, LOCK_SECONDS):
            self._blobs.files.prepare()
            self._folder.mkdir(exist_ok=True)
            self.sweep()
            self._check_limits(length, owner, max_total, max_of_owner)
            folder.mkdir()
            for file in (DATA, LOCK):
                (folder / file).touch()
            write_durable(folder / INFO, info.model_dump_json().encode())
            for above in (self._folder, self._folder.parent):
                sync_folder(above)
        return info

    def get(self, upload_id: str) -> UploadInfo:
        """The state of an upload. Raises `NotFound`, `Gone` when it expired."""
        info = self._read(self._folder_of(upload_id))
        if info is None:
            raise NotFound(f"There is no upload {upload_id!r}.")
        if info.expires_at <= self._clock():
            raise Gone(f"The upload {upload_id} has expired; create a new one.")
        return info

    def open(self, upload_id: str) -> OpenUpload:
        """Lock an upload for writing.

        Raises `Locked` while another request holds the lock, `NotFound`, and `Gone` when it has
        expired or its bytes are lost.
        """
        folder = self._folder_of(upload_id)
        try:
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"There is no upload {upload_id!r}.") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            info = self.get(upload_id)  # read under the lock: it may have changed before
            (folder / RELEASE_REQUESTED).unlink(missing_ok=True)
        except BlockingIOError:
            os.close(handle)
            raise Locked(f"Another request is writing to the upload {upload_id}; try again in a moment.") from None
        except BaseException:
            os.close(handle)
            raise
        opened = OpenUpload(folder, handle, info, self._blobs, self._expiry_seconds, self._clock)
        if not opened.is_intact():
            opened.remove()
            opened.close()
            raise Gone(f"The bytes of the upload {upload_id} are lost; create a new one.")
        return opened

    def request_release(self, upload_id: str) -> None:
        """Request that the holder of the lock, in any process, closes the upload soon."""
        folder = self._folder_of(upload_id)
        if folder.exists():
            with translate_disk_errors(folder):
                (folder / RELEASE_REQUESTED).touch()

    def sweep(self) -> int:
        """Remove expired uploads and incomplete folders of crashes. Returns how many."""
        removed = 0
        for folder in self._folders():
            info = self._read(folder)
            if info is not None and info.expires_at <= self._clock():
                removed += self._remove(folder)
            elif info is None and _age(folder) > INCOMPLETE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed

    def _check_limits(self, length: int, owner: str, max_total: int, max_of_owner: int) -> None:
        unfinished = [info for folder in self._folders() if (folder / DATA).exists() and (info := self._read(folder)) is not None]
        if sum(info.owner == owner for info in unfinished) >= max_of_owner:
            raise TooMany(
                f"This key or address has {max_of_owner} unfinished uploads, which is its limit "
                "(MM_MAX_PARTIAL_UPLOADS_PER_KEY); finish or delete some, or try again later.",
                RETRY_SECONDS,
            )
        if len(unfinished) >= max_total:
            raise TooMany(
                f"{max_total} uploads are unfinished, the limit (MM_MAX_PARTIAL_UPLOADS); try again later.",
                RETRY_SECONDS,
            )
        reserved = sum(info.length - info.offset for info in unfinished)
        free = shutil.disk_usage(self._folder).free - MIN_FREE_BYTES
        if reserved + length > free:
            raise StorageFull(
                f"The disk has {max(free, 0):,} bytes free, of which unfinished uploads reserve {reserved:,}; "
                f"an upload of {length:,} bytes does not fit. Free space on the disk, or delete unfinished uploads."
            )

    def _remove(self, folder: Path) -> bool:
        try:
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / INFO).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # a request is writing to it
            return False
        finally:
            os.close(handle)
        return True

    def _folders(self) -> Iterator[Path]:
        if self._folder.exists():
            yield from (path for path in self._folder.iterdir() if UPLOAD_ID.fullmatch(path.name))

    def _folder_of(self, upload_id: str) -> Path:
        if not UPLOAD_ID.fullmatch(upload_id):
            raise NotFound(f"There is no upload {upload_id[:80]!r}.")
        return self._folder / upload_id

    def _read(self, folder: Path) -> UploadInfo | None:
        try:
            return UploadInfo.model_validate_json((folder / INFO).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
