"""Changes of items by hand: names, tags, favourites, several items at once, and the trash."""

from __future__ import annotations

from collections.abc import Sequence

from mm.client.paths import item_path, quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.errors import InvalidInput
from mm.schemas import MAX_BULK, BulkAction, BulkRequest, BulkResponse, Item, ItemPatch, TrashEmptied, TrashPage


def edit(
    item_id: str,
    *,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    add_tags: Sequence[str] = (),
    remove_tags: Sequence[str] = (),
    favourite: bool | None = None,
    version: int | None = None,
) -> Flow[Item]:
    """Change name, tags or favourite of an item; what is unset stays.

    `tags` replaces all of them. With the `version` of the item that was read, a change by someone
    else since then raises `Conflict`. Raises `NotFound`, `InvalidInput`.
    """
    patch = ItemPatch.model_construct(
        name=name,
        tags=None if tags is None else list(tags),
        add_tags=list(add_tags),
        remove_tags=list(remove_tags),
        favourite=favourite,
        version=version,
    )
    return parse_body((yield from Send("PATCH", item_path(item_id), json=patch.model_dump())), Item)


def change_items(
    item_ids: Sequence[str],
    *,
    action: BulkAction = "edit",
    add_tags: Sequence[str] = (),
    remove_tags: Sequence[str] = (),
    favourite: bool | None = None,
) -> Flow[BulkResponse]:
    """Change several items: edit tags and favourite, `delete`, `restore` or `delete-for-good`.

    Returns the outcome of each id; repeated, nothing more changes. Sends as many requests as the
    ids need. Raises `InvalidInput`.
    """
    ids = list(dict.fromkeys(item_ids))
    if not ids:
        raise InvalidInput("There are no ids of items.")
    results = []
    for start in range(0, len(ids), MAX_BULK):
        request = BulkRequest.model_construct(
            items=ids[start : start + MAX_BULK],
            action=action,
            add_tags=list(add_tags),
            remove_tags=list(remove_tags),
            favourite=favourite,
        )
        response = parse_body((yield from Send("POST", "/v1/media/bulk", json=request.model_dump())), BulkResponse)
        results += response.results
    return BulkResponse(results=results, changed=sum(result.outcome == "changed" for result in results))


def restore(item_id: str) -> Flow[Item]:
    """Restore an item from the trash. Raises `NotFound`."""
    return parse_body((yield from Send("POST", f"{item_path(item_id)}/restore")), Item)


def trash(*, offset: int = 0, limit: int = 50) -> Flow[TrashPage]:
    """List the items in the trash, latest deletion first."""
    return parse_body((yield from Send("GET", "/v1/trash", params={"offset": offset, "limit": limit})), TrashPage)


def delete_for_good(item_id: str) -> Flow[None]:
    """Delete an item in the trash with its file.

    Raises `NotFound`, `Conflict` for an item that is not in the trash.
    """
    read_body((yield from Send("DELETE", f"/v1/trash/{quote_id(item_id)}")))


def empty_trash() -> Flow[int]:
    """Delete all items in the trash for good. Returns how many."""
    deleted = 0
    while True:
        emptied = parse_body((yield from Send("DELETE", "/v1/trash")), TrashEmptied)
        deleted += emptied.deleted
        if not emptied.left or not emptied.deleted:
            return deleted
