"""Albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.export.files import MEDIA_TYPES, SHEET_HEADERS, write_album
from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, NotFound, TooLarge
from mm.schemas import (
    AddedEntries,
    AddEntries,
    Album,
    AlbumList,
    AlbumPatch,
    EntryPage,
    HitExportFormat,
    MoveEntries,
    NewAlbum,
    RemovedEntries,
    RemoveEntries,
)

router = APIRouter(prefix="/v1/albums", tags=["albums"])

ALBUM_BYTES = 64 << 10
"""Maximum body of a request with name and note."""
ENTRIES_BYTES = 1 << 20
"""Maximum body of a change of entries: 1,000 of them have about 100 kB."""
MOMENT = {"item": "88431cd9653ccd539741b555fb0a46b6", "start": 12.5, "end": 20.0}


@router.get("", summary="List the albums", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_albums(service: ServiceDep) -> AlbumList:
    """All of them, by name, with their covers and their numbers of entries."""
    return service.albums.list()


@router.post(
    "",
    summary="Create an album",
    status_code=201,
    responses=responses(Conflict, TooLarge),
    openapi_extra=json_body(NewAlbum, album={"name": "Harbour", "note": "For the exhibition"}),
)
async def create_album(request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> Album:
    """It is empty, and its name must be unused."""
    body = await read_json(request, NewAlbum, ALBUM_BYTES)
    album = await limits.catalog.run(get_client_id(request.scope), service.albums.create, body)
    response.headers["Location"] = f"/v1/albums/{album.id}"
    return album


@router.get("/{album_id}", summary="Get an album", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")])
def get_album(album_id: str, service: ServiceDep) -> Album:
    """Its name, note, cover and number of entries."""
    return service.albums.get(album_id)


@router.patch(
    "/{album_id}",
    summary="Change name, note or cover of an album",
    responses=responses(NotFound, Conflict, TooLarge),
    openapi_extra=json_body(AlbumPatch, rename={"name": "Harbour at dawn", "version": 1}),
)
async def edit_album(album_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Album:
    """What is unset stays. With `version`, only the version that was read is changed, else the
    response is 409."""
    body = await read_json(request, AlbumPatch, ALBUM_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.albums.edit, album_id, body)


@router.delete(
    "/{album_id}",
    summary="Delete an album",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_album(album_id: str, service: ServiceDep) -> None:
    """The items stay in the library."""
    service.albums.delete(album_id)


@router.get(
    "/{album_id}/entries",
    summary="List the entries of an album",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_entries(
    album_id: str,
    service: ServiceDep,
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="Number of entries to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> EntryPage:
    """In the order of the album. Entries of items in the trash are left out until these are
    restored."""
    return service.albums.list_entries(album_id, offset, limit)


@router.post(
    "/{album_id}/entries",
    summary="Add items or time ranges to an album",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(AddEntries, item={"entries": [{"item": MOMENT["item"]}]}, moment={"entries": [MOMENT]}),
)
async def add_entries(album_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> AddedEntries:
    """At the end, or before another entry. What the album has already is unchanged; repeated, a
    request adds nothing more."""
    body = await read_json(request, AddEntries, ENTRIES_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.albums.add, album_id, body)


@router.post(
    "/{album_id}/entries/remove",
    summary="Remove entries from an album",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(RemoveEntries, entries={"entries": [1, 2]}, item={"items": [MOMENT["item"]]}),
)
async def remove_entries(album_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> RemovedEntries:
    """The items stay in the library. Unknown entries are left out."""
    body = await read_json(request, RemoveEntries, ENTRIES_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.albums.remove, album_id, body)


@router.post(
    "/{album_id}/entries/move",
    summary="Change the order of entries",
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(MoveEntries, first={"entries": [3], "before": 1}, last={"entries": [1]}),
)
async def move_entries(album_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Album:
    """The entries follow each other in the order of the request, before another entry or at the
    end."""
    body = await read_json(request, MoveEntries, ENTRIES_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), service.albums.move, album_id, body)


@router.get(
    "/{album_id}/export",
    summary="Export an album",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in ("text/csv", "application/json", "text/html")}},
        **responses(NotFound),
    },
)
async def export_album(
    album_id: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    export_format: Annotated[
        HitExportFormat, Query(alias="format", description="`html` is a contact sheet of up to 200 entries with their images.")
    ] = "csv",
) -> Response:
    """Its entries as a file, in the columns of exported hits."""
    client = get_client_id(request.scope)
    album = await limits.catalog.run(client, service.albums.export, album_id)
    writing = limits.exports.run_cancellable(client, partial(write_album, service, album, export_format))
    data = await cancel_on_disconnect(request, writing)
    name = f"{album.album.name}.{export_format}"
    headers = {"Content-Disposition": content_disposition(name, "attachment"), **SHEET_HEADERS}
    return Response(data, media_type=MEDIA_TYPES[export_format], headers=headers)
