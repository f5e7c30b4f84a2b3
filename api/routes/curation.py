"""Changes of items by hand: one item, several, and the trash."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.http.bodies import read_json
from api.limits.resources import LimitsDep, hold_while_processing
from api.metadata import shows_metadata
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.serializers import serialize_item
from api.service import ServiceDep
from mm.errors import Conflict, NotFound, TooLarge
from mm.schemas import BulkRequest, BulkResponse, Item, ItemPatch, TrashEmptied, TrashPage

router = APIRouter(prefix="/v1", tags=["media"])

PATCH_BYTES = 64 << 10
"""Maximum body of a change of one item."""
BULK_BYTES = 1 << 20
"""Maximum body of a bulk change: 10,000 ids have 350 kB."""


@router.patch(
    "/media/{item_id}",
    summary="Change name, tags or favourite of an item",
    responses=responses(NotFound, Conflict, TooLarge),
    openapi_extra=json_body(
        ItemPatch, rename={"name": "Ferry at dawn.mp4", "version": 1}, tag={"add_tags": ["ferry"], "favourite": True}
    ),
)
async def edit_media(item_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Item:
    """What is unset stays. With `version`, only the version that was read is changed, else the
    response is 409. Searches find the new name."""
    client = get_client_id(request.scope)
    patch = await read_json(request, ItemPatch, PATCH_BYTES)
    row = await limits.catalog.run(client, service.editor.edit, item_id, patch)
    return serialize_item(row, metadata=shows_metadata(service.settings))


@router.post(
    "/media/bulk",
    summary="Change several items",
    responses=responses(TooLarge),
    openapi_extra=json_body(
        BulkRequest,
        edit={"items": ["88431cd9653ccd539741b555fb0a46b6"], "add_tags": ["holiday"], "favourite": True},
        delete={"items": ["88431cd9653ccd539741b555fb0a46b6"], "action": "delete"},
    ),
)
async def change_media(request: Request, service: ServiceDep, limits: LimitsDep) -> BulkResponse:
    """Edit tags and favourite, delete, restore, or delete for good. The response has the outcome of
    each id; repeated, a request changes nothing more."""
    client = get_client_id(request.scope)
    body = await read_json(request, BulkRequest, BULK_BYTES)
    return await limits.catalog.run(client, service.editor.change, body)


@router.post(
    "/media/{item_id}/restore",
    summary="Restore an item from the trash",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def restore_media(item_id: str, service: ServiceDep) -> Item:
    """It is searchable again at once, without being encoded. An item that is not in the trash is
    returned as it is."""
    return serialize_item(service.editor.restore(item_id), metadata=shows_metadata(service.settings))


@router.get("/trash", summary="List the trash", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_trash(
    service: ServiceDep,
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="Number of items to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TrashPage:
    """Deleted items, latest deletion first, with the time at which each is deleted for good
    (MM_TRASH_DAYS) and the bytes that all of them occupy."""
    return service.editor.list_trash(offset, limit)


@router.delete("/trash", summary="Empty the trash", responses=responses(), dependencies=[hold_while_processing("catalog")])
def empty_trash(service: ServiceDep) -> TrashEmptied:
    """Deletes items for good, the oldest deletion first. If some are `left`, repeat the request."""
    return service.editor.empty_trash()


@router.delete(
    "/trash/{item_id}",
    summary="Delete an item in the trash for good",
    status_code=204,
    responses=responses(NotFound, Conflict),
    dependencies=[hold_while_processing("catalog")],
)
def delete_for_good(item_id: str, service: ServiceDep) -> None:
    """With its file, segments, thumbnails and analyses."""
    service.editor.delete_for_good(item_id)
