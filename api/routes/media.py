"""Items: upload, import, list, get, retry, delete; their files and thumbnails."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.http.paging import BrowseParameters, OffsetPaging
from api.http.ranges import serve_file
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.metadata import check_conditions, check_sort, shows_metadata, strip_view
from api.openapi.operations import JSON, LIST_LINKS, UPLOAD_LINKS, json_body, responses, upload_body
from api.request_context import current_actor, get_client_id
from api.serializers import serialize_item
from api.service import ServiceDep
from api.uploads.body import receive_upload
from api.uploads.folder import import_folder
from api.uploads.ingest import log_accepted
from indexes.catalog.audit import NewAudit
from indexes.catalog.records import ItemFilters
from mm.errors import Conflict, Forbidden, MediaError, MissingData, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import ImportRequest, ImportResponse, Item, ItemPage, ItemStatus, Kind, Upload

router = APIRouter(prefix="/v1/media", tags=["media"])

IMPORT_BYTES = 64 << 10  # maximum body of an import
# Stored files are untrusted: opened in a browser, they must neither run scripts nor load anything.
UNTRUSTED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BYTES: JSON = {"content": {f"{kind}/*": {} for kind in ("image", "video", "audio")}}
FILE_RESPONSES: dict[int | str, JSON] = {
    200: _BYTES,
    206: {"description": "The requested range", **_BYTES},
    304: {"description": "The client has the file"},
    416: {"description": "The range starts after the end of the file"},
}
"""Of a route that sends a stored file by `serve_file`."""
WEBP: JSON = {"content": {"image/webp": {}}}


@router.post(
    "",
    summary="Upload an image, audio or a video",
    status_code=202,
    responses={
        200: {"model": Upload, "description": "The library already has the same bytes", **UPLOAD_LINKS},
        202: {"headers": {"Location": {"description": "Path of the job", "schema": {"type": "string"}}}, **UPLOAD_LINKS},
        **responses(UnsupportedMedia, MediaError, TooLarge),
    },
    openapi_extra=upload_body(),
    dependencies=[hold_while_processing("uploads")],
)
async def upload(
    request: Request,
    response: Response,
    service: ServiceDep,
    limits: LimitsDep,
    name: Annotated[str | None, Query(description="File name, for a raw body.")] = None,
    tag: Annotated[list[str], Query(description="Tags, for a raw body.")] = [],  # noqa: B006
) -> Upload:
    """Form data with a field `file`, or the bytes as the body with `?name=`. The content of the
    file determines its type."""
    client = get_client_id(request.scope)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    result = await receive_upload(request, service.ingest, limits, client)
    response.headers["Location"] = f"/v1/jobs/{result.job.id}"
    response.status_code = 202 if result.created else 200
    return result


@router.post(
    "/import",
    summary="Import a folder of the server",
    responses=responses(Forbidden, NotFound, TooLarge),
    openapi_extra=json_body(ImportRequest, folder={"folder": "2026/holiday", "tags": ["holiday"]}),
)
async def import_media(request: Request, service: ServiceDep, limits: LimitsDep) -> ImportResponse:
    """Every file below the folder; the response has the result of each. Disabled unless
    MM_IMPORT_ROOT is set."""
    client = get_client_id(request.scope)
    body = await read_json(request, ImportRequest, IMPORT_BYTES)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    root = service.settings.import_root
    done = await limits.imports.run(client, import_folder, service.ingest, root, body.folder, list(body.tags))
    new = NewAudit(
        action="import",
        subject=body.folder,
        detail={"files": len(done.uploads), "refused": len(done.refused)},
    )
    await limits.catalog.run(client, service.store.catalog.record_audit, current_actor(), new)
    return done


@router.get(
    "",
    summary="List items, newest first or in the order of `sort`",
    responses={200: LIST_LINKS, **responses(NotFound)},
    dependencies=[hold_while_processing("catalog")],
)
def list_media(
    service: ServiceDep,
    paging: Annotated[OffsetPaging, Depends()],
    browsed: Annotated[BrowseParameters, Depends()],
    kind: Annotated[list[Kind], Query(description="Any of these kinds.")] = [],  # noqa: B006
    tag: Annotated[list[str], Query(description="All of these tags.")] = [],  # noqa: B006
    status: Annotated[ItemStatus | None, Query(description="Only items in this state.")] = None,
    favourite: Annotated[bool | None, Query(description="Only favourites, or only others.")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ItemPage:
    """One page. With `cursor`, no item is repeated, even if items are added meanwhile; with
    `offset`, the page starts anywhere. `taken` is the latest first; an item whose time taken is
    unknown has the time of its upload (UTC) instead."""
    paging.check(cursor, browsed)
    metadata = shows_metadata(service.settings)
    check_sort(service.settings, paging.sort)
    filters = ItemFilters(kinds=kind, tags=tag, status=status, favourite=favourite)
    if paging.offset is not None:
        conditions = browsed.extend(filters)
        check_conditions(service.settings, conditions)
        rows, total = service.store.catalog.browse_items(conditions, paging.sort, paging.offset, limit)
        return ItemPage(items=[serialize_item(row, metadata=metadata) for row in rows], total=total)
    rows, next_cursor = service.store.catalog.list_items(filters, limit, cursor)
    return ItemPage(items=[serialize_item(row, metadata=metadata) for row in rows], next=next_cursor)


@router.get("/{item_id}", summary="Get an item", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")])
def get_media(item_id: str, service: ServiceDep) -> Item:
    """Its metadata and its status."""
    return serialize_item(service.library.get_item(item_id), metadata=shows_metadata(service.settings))


@router.post(
    "/{item_id}/retry",
    summary="Process a failed or cancelled item again",
    status_code=202,
    responses={
        202: {"headers": {"Location": {"description": "Path of the job", "schema": {"type": "string"}}}, **UPLOAD_LINKS},
        **responses(NotFound, Conflict),
    },
    dependencies=[hold_while_processing("catalog")],
)
def retry_media(item_id: str, response: Response, service: ServiceDep, limits: LimitsDep) -> Upload:
    """Starts a new job on the stored file. Returns the present job of an item that is being
    processed, and 409 for a ready item.
    """
    limits.check_job_queue(service.store.catalog)
    result = service.library.retry_item(item_id)
    log_accepted(result)
    response.headers["Location"] = f"/v1/jobs/{result.job.id}"
    return result


@router.head("/{item_id}/content", include_in_schema=False, dependencies=[hold_while_processing("catalog")])
@router.get(
    "/{item_id}/content",
    summary="Get the stored file",
    response_class=Response,
    responses={
        **FILE_RESPONSES,
        **responses(NotFound, Forbidden, MissingData, Unavailable),
    },
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_content(item_id: str, request: Request, service: ServiceDep) -> Response:
    """Supports one byte range, `If-Range` and `If-None-Match`; the entity tag is the SHA-256. With
    `MM_METADATA=strip`, the file without its metadata, which has another tag and size."""
    item = service.library.get_item(item_id)
    headers = {"Content-Type": item.content_type, "Content-Disposition": content_disposition(item.name), **UNTRUSTED_HEADERS}
    view = strip_view(service.settings, item.name)
    etag = item.sha256 if view is None else f"{item.sha256}-stripped"
    return serve_file(request, service.store.blobs.path(item.sha256), etag, headers, view)


@router.get(
    "/{item_id}/thumbnail",
    summary="Get a thumbnail",
    response_class=Response,
    responses={200: WEBP, 304: {"description": "The client has the file"}, **responses(NotFound, MediaError, MissingData)},
)
async def get_thumbnail(
    item_id: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    t: Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds from the start.")] = 0.0,
    size: Annotated[int, Query(ge=1, le=1280, description="Longest side, px; rounded up to one of a few sizes.")] = 320,
) -> Response:
    """WebP: of a video, the key frame at or before `t`; of audio, the waveform from `t` on. Items
    in the trash have one."""
    client = get_client_id(request.scope)
    item = await limits.catalog.run(client, service.library.get_any_item, item_id)
    headers = {"ETag": f'"{item_id}-{t:.3f}-{size}"', "Cache-Control": "private, max-age=86400", **UNTRUSTED_HEADERS}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    data = await limits.disk.run(service.thumbnails.read_cached, item, t, size)
    if data is None:
        blob = service.store.blobs.path(item.sha256)
        rendering = limits.thumbnails.run_cancellable(client, partial(service.thumbnails.render, item, blob, t, size))
        data = await cancel_on_disconnect(request, rendering)
    return Response(data, media_type="image/webp", headers=headers)


@router.delete(
    "/{item_id}",
    summary="Delete an item",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_media(item_id: str, service: ServiceDep) -> None:
    """Moves it to the trash and cancels its job: no list and no search has it any more. It can be
    restored for MM_TRASH_DAYS; `DELETE /v1/trash/{item_id}` deletes it for good."""
    service.library.delete_item(item_id)
