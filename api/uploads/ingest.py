"""Adds files to the library: validate, commit the bytes, write the rows, dispatch the job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from api.library import dispatch_job, lock_library
from api.metadata import shows_metadata
from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_item, serialize_job
from indexes.catalog.records import NewItem
from indexes.storage.descriptions import Description
from mm.errors import MediaError, MMError, TooLarge
from mm.schemas import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from api.metrics import Metrics
    from indexes import Store
    from indexes.storage.blobs import BlobWriter
    from mm.media import MediaReader
    from workers.messaging.dispatch import Dispatcher


class ReceivedFile(Protocol):
    """A file on disk that becomes a blob when it is accepted."""

    @property
    def path(self) -> Path:
        """Path of its bytes before the commit."""
        ...

    def commit(self) -> tuple[str, int]:
        """Make it a blob. Returns the SHA-256 and the size."""
        ...


class Ingest:
    """Accepts files. Safe to use from several threads."""

    def __init__(self, store: Store, dispatcher: Dispatcher, reader: MediaReader, metrics: Metrics) -> None:
        self.store = store
        self._dispatcher = dispatcher
        self._reader = reader
        self._metrics = metrics

    def start(self) -> IncomingFile:
        """Return a new file, as a context manager: unless it is accepted, nothing remains of it."""
        return IncomingFile(self, self.store.blobs.open_writer(), self.store.settings.upload_bytes, self._metrics)

    def accept(self, file: ReceivedFile, name: str, size: int, tags: Sequence[str]) -> Upload:
        """Make the file an item, unless the library already has one with the same bytes.

        Raises `MediaError`, `UnsupportedMedia`, and `Unauthorized` when the key of the client was
        revoked meanwhile.
        """
        try:
            if size == 0:
                raise MediaError(name, "empty", "the file has no bytes")
            info = self._reader.probe(file.path, name)
        except MMError:
            self._metrics.uploads.labels("refused").inc()
            raise
        client, now, descriptions = current_client(), datetime.now(UTC), self.store.descriptions
        prepared = descriptions.prepare(Description(name=name, tags=sorted(set(tags)), created_at=now))
        with prepared as write_description, lock_library(self.store):
            client.require_valid()
            sha256, size = file.commit()
            context = {"request_id": current_request_id(), "key_id": client.key_id}
            new = NewItem.from_media(sha256, size, name, tags, info, created_at=now, **context)
            item, job, created = self.store.catalog.add_item(new, current_actor())
            if created:
                write_description(sha256)
            else:
                descriptions.write(item)
                self.store.catalog.mark_described([item])
        self._metrics.uploads.labels("created" if created else "known").inc()
        dispatch_job(self._dispatcher, job.id)
        return Upload(
            item=serialize_item(item, metadata=shows_metadata(self.store.settings)), job=serialize_job(job), created=created
        )


class IncomingFile:
    """A file that is being received: write its bytes, then accept it."""

    def __init__(self, ingest: Ingest, writer: BlobWriter, limit: int, metrics: Metrics) -> None:
        self._ingest = ingest
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
        """Append bytes. Raises `TooLarge` when the file exceeds the limit."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge(f"The file has more than {self._limit:,} bytes, the maximum (MM_UPLOAD_BYTES).")
        self._writer.write(data)
        self._metrics.upload_bytes.inc(len(data))

    def accept(self, name: str, tags: Sequence[str]) -> Upload:
        """Make the file an item: see `Ingest.accept`."""
        return self._ingest.accept(self._writer, name, self.size, tags)


def log_accepted(upload: Upload) -> None:
    """Log the ids of the job and the item; the log line also has the id of the request."""
    structlog.get_logger().info("accepted", job_id=upload.job.id, item_id=upload.item.id, created=upload.created)
