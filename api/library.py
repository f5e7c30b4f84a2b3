"""Where items come into the library and leave it: probe, commit the bytes, write the rows, ring;
and the way back."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_item, serialize_job
from indexes.catalog.records import NewItem
from indexes.storage.descriptions import Description
from indexes.storage.files import hold_lock
from indexes.store import LIBRARY_LOCK
from mm.errors import Conflict, MediaError, MMError, NotFound, TooLarge, Unavailable
from mm.schemas import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from api.metrics import Metrics
    from api.thumbnails import Thumbnails
    from indexes import Store
    from indexes.catalog.records import ItemRow
    from indexes.storage.blobs import BlobWriter
    from mm.media import MediaReader
    from workers.messaging.dispatch import Dispatcher

LOCK_SECONDS = 60.0
"""Longest wait for others who bring or delete an item just now."""


class ReceivedFile(Protocol):
    """The bytes of a file on the disk, which become a blob when they are accepted."""

    @property
    def path(self) -> Path:
        """Where they can be read now."""
        ...

    def commit(self) -> tuple[str, int]:
        """Make them a blob. Returns its SHA-256 and its size."""
        ...


class Library:
    """Accepts and removes items. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        reader: MediaReader,
        thumbnails: Thumbnails,
        metrics: Metrics,
        upload_bytes: int,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._reader = reader
        self._thumbnails = thumbnails
        self._metrics = metrics
        self._upload_bytes = upload_bytes
        self._lock = store.settings.root / "locks" / LIBRARY_LOCK

    @property
    def home(self) -> Path:
        """The folder of the library."""
        return self._store.settings.root

    def incoming(self) -> IncomingFile:
        """A new upload, to be used in a `with` block: what is not accepted in it leaves nothing
        behind."""
        return IncomingFile(self, self._store.blobs.open_writer(), self._upload_bytes, self._metrics)

    def accept(self, arrived: ReceivedFile, name: str, size: int, tags: Sequence[str]) -> Upload:
        """Make the bytes written an item, unless they are one.

        Raises `MediaError`, `UnsupportedMedia`, and `Unauthorized` when the caller's key was
        revoked meanwhile.
        """
        try:
            if size == 0:
                raise MediaError(name, "empty", "the file has no bytes")
            info = self._reader.probe(arrived.path, name)
        except MMError:
            self._metrics.uploads.labels("refused").inc()
            raise
        now, descriptions = datetime.now(UTC), self._store.descriptions
        described = descriptions.prepare(Description(name=name, tags=sorted(set(tags)), created_at=now))
        with described as describe, self._coming_and_going():
            current_client().require_valid()
            sha256, size = arrived.commit()
            new = NewItem.from_media(
                sha256, size, name, tags, info, request_id=current_request_id(), key_id=current_client().key_id, created_at=now
            )
            item, job, created = self._store.catalog.add_item(new, current_actor())
            if created:
                describe(sha256)
            else:
                descriptions.write(item)
        self._metrics.uploads.labels("created" if created else "known").inc()
        self._ring(job.id)
        return Upload(item=serialize_item(item), job=serialize_job(job), created=created)

    def item(self, item_id: str) -> ItemRow:
        """The row of an item. Raises `NotFound`."""
        row = self._store.catalog.get_item(item_id)
        if row is None:
            raise NotFound(f"There is no item {item_id!r}.")
        return row

    def retry(self, item_id: str) -> Upload:
        """Process an item again that failed, is quarantined or was cancelled; one in process goes
        on with the job it has.

        Raises `NotFound`, `Conflict` for an item that is ready.
        """
        found = self._store.catalog.retry_item(item_id, current_request_id(), current_client().key_id, current_actor())
        if found is None:
            raise NotFound(f"There is no item {item_id!r}.")
        item, job = found
        if item.status == "ready":
            raise Conflict(f"{item.name} is ready; only an item that failed, is quarantined or was cancelled can be retried.")
        self._ring(job.id)
        return Upload(item=serialize_item(item), job=serialize_job(job), created=False)

    def remove(self, item_id: str) -> None:
        """Delete an item, its bytes and its pictures. Raises `NotFound`."""
        with self._coming_and_going():
            sha256 = self.item(item_id).sha256
            self._store.catalog.delete_item(item_id, current_actor())
            self._store.blobs.delete(sha256)
        self._thumbnails.forget(item_id)

    def _coming_and_going(self) -> AbstractContextManager[None]:
        """A blob and its row come and go together: without this, bytes sent again while their item
        is deleted lose their blob.

        A lock between processes, because several may serve one library. Raises `Unavailable`.
        """
        return hold_lock(self._lock, LOCK_SECONDS)

    def _ring(self, job_id: str) -> None:
        try:
            self._dispatcher.dispatch()
        except Unavailable as error:
            structlog.get_logger().warning("not dispatched, the sweeper will", job_id=job_id, detail=str(error))


class IncomingFile:
    """The bytes of one upload on their way to disk: write, then accept."""

    def __init__(self, library: Library, writer: BlobWriter, limit: int, metrics: Metrics) -> None:
        self._library = library
        self._writer = writer
        self._limit = limit
        self._metrics = metrics
        self.size = 0

    def __enter__(self) -> IncomingFile:
        self._writer.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.__exit__(*error)

    def write(self, data: bytes, /) -> None:
        """Raises `TooLarge` at the first byte over the limit."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge(f"The file is larger than {self._limit:,} bytes, the most that is taken (MM_UPLOAD_BYTES).")
        self._writer.write(data)
        self._metrics.upload_bytes.inc(len(data))

    def accept(self, name: str, tags: Sequence[str]) -> Upload:
        return self._library.accept(self._writer, name, self.size, tags)
