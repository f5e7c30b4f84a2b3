"""Uploads that come in pieces, kept in files: `blobs/uploads/<id>/` has the bytes, and how many of
them count.

The offset in `info.json` is the truth. It is written after the bytes before it were flushed, so it
is what an upload goes on from when a process was killed or a machine lost its power; bytes behind
it were promised to nobody and are cut off. The hash is taken at the end, from the disk: the state
of a hash cannot be stored, and what is hashed is then what is there.
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
from indexes.storage.resumable_info import DATA, INFO, LOCK, UPLOAD_ID, WANTED, UploadInfo
from indexes.storage.resumable_open import OpenUpload
from mm.errors import Gone, Locked, NotFound, StorageFull, TooMany

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.storage.blobs import BlobStore

LOCK_SECONDS = 60.0
FULL_SECONDS = 10.0
"""After which it is worth asking again whether there is room for another upload."""
FREE_BYTES = 64 << 20
"""Room that is promised to no upload."""
HALF_MADE_SECONDS = 3600.0
"""Age of a folder without a readable `info.json` at which nobody is about to write one."""


class ResumableUploads:
    """Safe to use from any number of threads and processes of one machine."""

    def __init__(
        self,
        folder: Path,
        blobs: BlobStore,
        lock: Path,
        seconds: float,
        empty_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`seconds` is how long an upload stays without new bytes, `empty_seconds` while no byte of
        it has come."""
        self._folder = folder
        self._blobs = blobs
        self._lock = lock
        self._seconds = seconds
        self._empty_seconds = min(empty_seconds, seconds)
        self._clock = clock

    def create(
        self, length: int, name: str, tags: Sequence[str], metadata: str, owner: str, *, total: int, of_owner: int
    ) -> UploadInfo:
        """A new upload of `length` bytes, of which none is there.

        Raises `TooMany` when `total` are unfinished, or `of_owner` of the same owner, `StorageFull`
        when what they reserve leaves no room, `Unavailable`.
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
            expires_at=self._clock() + self._empty_seconds,
        )
        with translate_disk_errors(self._folder), hold_lock(self._lock, LOCK_SECONDS):
            self._blobs.files.prepare()
            self._folder.mkdir(exist_ok=True)
            self.sweep()
            self._refuse_more(length, owner, total, of_owner)
            folder.mkdir()
            for file in (DATA, LOCK):
                (folder / file).touch()
            write_durable(folder / INFO, info.model_dump_json().encode())
            for above in (self._folder, self._folder.parent):
                sync_folder(above)
        return info

    def get(self, upload_id: str) -> UploadInfo:
        """How far an upload is, as far as that is certain. Raises `NotFound`, `Gone` when it
        expired."""
        info = self._read(self._folder_of(upload_id))
        if info is None:
            raise NotFound(f"There is no upload {upload_id!r}.")
        if info.expires_at <= self._clock():
            raise Gone(f"The upload {upload_id} expired; begin anew.")
        return info

    def open(self, upload_id: str) -> OpenUpload:
        """The upload for this caller alone until it is closed.

        Raises `Locked` while another has it, `NotFound`, and `Gone` when it expired or its bytes
        are lost.
        """
        folder = self._folder_of(upload_id)
        try:
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"There is no upload {upload_id!r}.") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            info = self.get(upload_id)  # what it was before the lock may be over
            (folder / WANTED).unlink(missing_ok=True)
        except BlockingIOError:
            os.close(handle)
            raise Locked(f"Another request works on the upload {upload_id}; try again in a moment.") from None
        except BaseException:
            os.close(handle)
            raise
        opened = OpenUpload(folder, handle, info, self._blobs, self._seconds, self._clock)
        if not opened.is_intact():
            opened.remove()
            opened.close()
            raise Gone(f"The bytes of the upload {upload_id} are lost; begin anew.")
        return opened

    def request_release(self, upload_id: str) -> None:
        """Have whoever has the upload open give it back soon, whichever process it is in."""
        folder = self._folder_of(upload_id)
        if folder.exists():
            with translate_disk_errors(folder):
                (folder / WANTED).touch()

    def sweep(self) -> int:
        """Remove uploads that expired, and what a crash left of making one. Returns how many."""
        removed = 0
        for folder in self._folders():
            info = self._read(folder)
            if info is not None and info.expires_at <= self._clock():
                removed += self._remove(folder)
            elif info is None and _age(folder) > HALF_MADE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed

    def _refuse_more(self, length: int, owner: str, total: int, of_owner: int) -> None:
        unfinished = [info for folder in self._folders() if (folder / DATA).exists() and (info := self._read(folder)) is not None]
        if sum(info.owner == owner for info in unfinished) >= of_owner:
            raise TooMany(
                f"This key or address has {of_owner} unfinished uploads, the most that one may have "
                "(MM_MAX_PARTIAL_UPLOADS_PER_KEY); end some, or try again later.",
                FULL_SECONDS,
            )
        if len(unfinished) >= total:
            raise TooMany(
                f"{total} uploads are unfinished already (MM_MAX_PARTIAL_UPLOADS); end some, or try again later.", FULL_SECONDS
            )
        reserved = sum(info.length - info.offset for info in unfinished)
        free = shutil.disk_usage(self._folder).free - FREE_BYTES
        if reserved + length > free:
            raise StorageFull(
                f"The disk has room for {max(free, 0):,} bytes, of which unfinished uploads need {reserved:,}; "
                f"{length:,} more do not fit."
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
        except BlockingIOError:  # its last bytes are just coming in
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
