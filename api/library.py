"""Items of the library: get, retry, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from api.metadata import shows_metadata
from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_item, serialize_job
from indexes.integrity.deletion import LIBRARY_LOCK
from indexes.storage.files import hold_lock
from mm.errors import Conflict, NotFound, Unavailable
from mm.schemas import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from indexes import Store
    from indexes.catalog.records import ItemRow
    from workers.messaging.dispatch import Dispatcher

LOCK_SECONDS = 60.0
"""Maximum wait for other requests that add or delete an item."""


class Library:
    """Safe to use from several threads."""

    def __init__(self, store: Store, dispatcher: Dispatcher) -> None:
        self._store = store
        self._dispatcher = dispatcher

    def get_item(self, item_id: str) -> ItemRow:
        """Return the row of an item. Raises `NotFound`."""
        row = self._store.catalog.get_item(item_id)
        if row is None:
            trashed = self._store.catalog.get_item(item_id, with_trash=True)
            if trashed is not None:
                raise NotFound(f"{trashed.name} is in the trash; restore it first (POST /v1/media/{item_id}/restore).")
            raise NotFound(f"There is no item {item_id!r}.")
        return row

    def get_any_item(self, item_id: str) -> ItemRow:
        """Return the row of an item of the library or in the trash. Raises `NotFound`."""
        row = self._store.catalog.get_item(item_id, with_trash=True)
        return self.get_item(item_id) if row is None else row

    def require_items(self, item_ids: Sequence[str]) -> None:
        """Raise `NotFound` unless all of these items exist; the error names one that does not."""
        if unknown := self._store.catalog.find_unknown_items(item_ids):
            rest = f" and {len(unknown) - 1:,} more of the ids" if len(unknown) > 1 else ""
            raise NotFound(f"There is no item {unknown[0]!r:.80}{rest}.")

    def retry_item(self, item_id: str) -> Upload:
        """Process a failed, quarantined or cancelled item again; an item in process keeps its job.

        Raises `NotFound`, and `Conflict` for an item that is ready.
        """
        rows = self._store.catalog.retry_item(item_id, current_request_id(), current_client().key_id, current_actor())
        if rows is None:
            raise NotFound(f"There is no item {item_id!r}.")
        item, job = rows
        if item.status == "ready":
            raise Conflict(f"{item.name} is ready; only a failed, quarantined or cancelled item can be retried.")
        dispatch_job(self._dispatcher, job.id)
        return Upload(
            item=serialize_item(item, metadata=shows_metadata(self._store.settings)), job=serialize_job(job), created=False
        )

    def delete_item(self, item_id: str) -> None:
        """Move an item to the trash: no list and no search has it any more. Raises `NotFound`.

        Its thumbnails stay for the view of the trash.
        """
        self.get_item(item_id)
        self._store.catalog.trash_items([item_id], current_actor())
        self._store.describe_items([item_id])


def lock_library(store: Store) -> AbstractContextManager[None]:
    """Lock the library, among all processes that serve it. Raises `Unavailable`.

    A blob and its row are added and deleted together: without the lock, a file that is uploaded
    again while its item is being deleted would lose its blob.
    """
    return hold_lock(store.settings.root / "locks" / LIBRARY_LOCK, LOCK_SECONDS)


def dispatch_job(dispatcher: Dispatcher, job_id: str) -> None:
    """Send a message to the workers; if the broker is unavailable, the sweeper sends it later."""
    try:
        dispatcher.dispatch()
    except Unavailable as error:
        structlog.get_logger().warning("dispatch failed, the sweeper repeats it", job_id=job_id, detail=str(error))
