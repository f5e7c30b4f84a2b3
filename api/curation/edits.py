"""Edits of items, bulk changes, and the trash."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from api.library import dispatch_job
from api.metadata import shows_metadata
from api.request_context import current_actor, current_client, current_request_id
from api.serializers import serialize_item
from api.uploads.names import clean_name, clean_tags
from indexes.catalog.records import ItemEdit
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge
from mm.schemas import (
    MAX_BULK,
    BulkOutcome,
    BulkRequest,
    BulkResponse,
    BulkResult,
    ItemPatch,
    TrashedItem,
    TrashEmptied,
    TrashPage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from api.library import Library
    from api.thumbnails import Thumbnails
    from indexes import Store
    from indexes.catalog.records import ItemRow
    from workers.messaging.dispatch import Dispatcher

EMPTIED_ITEMS = 500
"""Items that one request to empty the trash deletes; each needs a commit and deletes files."""


class ItemEditor:
    """Changes items by hand. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        library: Library,
        dispatcher: Dispatcher,
        thumbnails: Thumbnails,
        update_names: Callable[[], None],
    ) -> None:
        """`update_names` replaces the evidence of names that changed; what fails is done later."""
        self._store = store
        self._library = library
        self._dispatcher = dispatcher
        self._thumbnails = thumbnails
        self._update_names = update_names

    def edit(self, item_id: str, patch: ItemPatch) -> ItemRow:
        """Change an item. Raises `NotFound`, `InvalidInput`, and `Conflict` for another version."""
        name = None if patch.name is None else check_name(patch.name)
        edit = ItemEdit(
            name=name,
            tags=None if patch.tags is None else clean_tags(patch.tags),
            add_tags=clean_tags(patch.add_tags),
            remove_tags=clean_tags(patch.remove_tags),
            favourite=patch.favourite,
        )
        self._library.get_item(item_id)
        row = self._store.catalog.edit_item(item_id, edit, current_actor(), version=patch.version)
        self._store.describe_items([item_id])
        if name is not None:
            self._update_names()
        return row

    def change(self, request: BulkRequest) -> BulkResponse:
        """Change several items. Raises `InvalidInput`, and `TooLarge` for too many ids."""
        ids = list(dict.fromkeys(request.items))
        if not ids:
            raise InvalidInput("`items` is empty; it needs at least one id.")
        if len(ids) > MAX_BULK:
            raise TooLarge(f"The request has {len(ids):,} items; the maximum is {MAX_BULK:,}. Send several requests.")
        edit = ItemEdit(
            add_tags=clean_tags(request.add_tags), remove_tags=clean_tags(request.remove_tags), favourite=request.favourite
        )
        if request.action != "edit" and edit != ItemEdit(add_tags=[], remove_tags=[]):
            raise InvalidInput(f"`add_tags`, `remove_tags` and `favourite` need the action `edit`, not {request.action!r}.")
        if request.action == "edit" and edit == ItemEdit(add_tags=[], remove_tags=[]):
            raise InvalidInput("The edit changes nothing: it needs `add_tags`, `remove_tags` or `favourite`.")
        if request.action == "delete-for-good":
            return _respond(ids, {item_id: True for item_id in ids if self._delete_for_good(item_id)})
        if request.action == "edit":
            changed = self._store.catalog.edit_items(ids, edit, current_actor())
        elif request.action == "delete":
            changed = self._store.catalog.trash_items(ids, current_actor())
        else:
            changed = self._restore(ids)
        self._store.describe_items([item_id for item_id, is_changed in changed.items() if is_changed])
        return _respond(ids, changed)

    def restore(self, item_id: str) -> ItemRow:
        """Restore an item from the trash; one that is not in it stays. Raises `NotFound`."""
        restored = self._restore([item_id])
        row = self._store.catalog.get_item(item_id)
        if not restored or row is None:
            raise NotFound(f"There is no item {item_id!r:.80}, also not in the trash.")
        self._store.describe_items([item_id])
        return row

    def list_trash(self, offset: int, limit: int) -> TrashPage:
        """One page of the trash, latest deletion first, and the size of all of it."""
        catalog, days = self._store.catalog, self._store.settings.trash_days
        summary, metadata = catalog.summarize_trash(), shows_metadata(self._store.settings)
        items = [
            TrashedItem(
                item=serialize_item(row, metadata=metadata),
                trashed_at=row.trashed_at,
                expires_at=row.trashed_at + timedelta(days=days) if days else None,
            )
            for row in catalog.list_trash(offset, limit)
            if row.trashed_at is not None
        ]
        return TrashPage(items=items, total=summary.items, size=summary.size, days=days)

    def delete_for_good(self, item_id: str) -> None:
        """Delete an item in the trash with its file. Raises `NotFound`, `Conflict` outside it."""
        row = self._store.catalog.get_item(item_id, with_trash=True)
        if row is None:
            raise NotFound(f"There is no item {item_id!r:.80}, also not in the trash.")
        if row.trashed_at is None:
            raise Conflict(f"{row.name} is not in the trash; delete it first (DELETE /v1/media/{row.id}).")
        self._delete_for_good(item_id)

    def empty_trash(self) -> TrashEmptied:
        """Delete items in the trash for good, the oldest deletion first, up to a limit."""
        ids = self._store.catalog.list_trashed_before(None, EMPTIED_ITEMS)
        deleted = sum(map(self._delete_for_good, ids))
        return TrashEmptied(deleted=deleted, left=self._store.catalog.summarize_trash().items)

    def _restore(self, ids: Sequence[str]) -> dict[str, bool]:
        client = current_client()
        restored, has_jobs = self._store.catalog.restore_items(ids, current_actor(), current_request_id(), client.key_id)
        if has_jobs:
            dispatch_job(self._dispatcher, "restored")
        return restored

    def _delete_for_good(self, item_id: str) -> bool:
        """Delete an item if it is in the trash. Returns whether it was."""
        row = self._store.catalog.get_item(item_id, with_trash=True)
        if row is None or row.trashed_at is None or not self._store.delete_item(item_id, current_actor()):
            return False
        self._thumbnails.delete(item_id)
        return True


def check_name(name: str) -> str:
    """Return a name as uploads store it. Raises `InvalidInput` if nothing of it is left."""
    if not any(character.isalnum() for character in re.split(r"[/\\]", name)[-1]):
        raise InvalidInput("The name is empty: it needs a letter or a digit.")
    return clean_name(name)


def _respond(ids: Sequence[str], changed: Mapping[str, bool]) -> BulkResponse:
    def describe(item_id: str) -> BulkOutcome:
        return "not-found" if item_id not in changed else "changed" if changed[item_id] else "unchanged"

    results = [BulkResult(id=item_id, outcome=describe(item_id)) for item_id in ids]
    return BulkResponse(results=results, changed=sum(changed.values()))
