"""Changes of items: name, tags, favourite, and the trash."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model
from mm.schemas.media import Item

MAX_BULK = 1000
"""Items of one bulk request."""
BulkAction = Literal["edit", "delete", "restore", "delete-for-good"]
BulkOutcome = Literal["changed", "unchanged", "not-found"]


class ItemPatch(Model):
    """A change of an item. What is unset stays."""

    name: str | None = Field(None, description="New name; of a path the last component.")
    tags: list[str] | None = Field(None, description="Replace all tags.")
    add_tags: list[str] = Field(default=[])
    remove_tags: list[str] = Field(default=[])
    favourite: bool | None = None
    version: int | None = Field(
        None, ge=1, description="The `version` of the item that was read: another one is a conflict. Unset changes any version."
    )


class BulkRequest(Model):
    """The same change of several items. Repeated, it changes nothing more."""

    items: list[str] = Field(description=f"Item ids, at most {MAX_BULK:,}.")
    action: BulkAction = Field(
        "edit",
        description="`edit` tags and favourite, `delete` to the trash, `restore` from it, or `delete-for-good` what is in it.",
    )
    add_tags: list[str] = Field(default=[], description="Only of `edit`, as `remove_tags` and `favourite`.")
    remove_tags: list[str] = Field(default=[])
    favourite: bool | None = None


class BulkResult(Model):
    """What became of one item of a bulk request."""

    id: str
    outcome: BulkOutcome = Field(
        description="`unchanged` if it was so before; `not-found` if there is no such item, or an edit is of one in the trash."
    )


class BulkResponse(Model):
    """Results in the order of the request, each id once."""

    results: list[BulkResult]
    changed: int = Field(ge=0)


class TrashedItem(Model):
    """A deleted item that can be restored."""

    item: Item
    trashed_at: datetime
    expires_at: datetime | None = Field(None, description="When it is deleted for good; null with `MM_TRASH_DAYS` 0.")


class TrashPage(Model):
    """Items in the trash, latest deletion first."""

    items: list[TrashedItem]
    total: int = Field(ge=0, description="Number of all items in the trash.")
    size: int = Field(ge=0, description="Bytes of their files, which still occupy the disk.")
    days: float = Field(ge=0, description="Days for which items are kept (`MM_TRASH_DAYS`); 0 until the trash is emptied.")


class TrashEmptied(Model):
    """Result of emptying the trash. If items are left, repeat the request."""

    deleted: int = Field(ge=0)
    left: int = Field(ge=0)
