"""Media in, out, listed and deleted."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.bodies import read_json
from api.http.openapi import JSON, LIST_LINKS, UPLOAD_LINKS, json_body, responses, upload_body
from api.http.paging import Browse
from api.http.ranges import serve_file
from api.limits.disconnects import until_disconnect
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.request_context import current_actor, get_client_id
from api.serializers import serialize_item
from api.service import ServiceDep
from api.uploads.body import log_accepted, receive
from api.uploads.folder import import_folder
from api.uploads.names import content_disposition
from indexes.catalog.audit import NewAudit
from indexes.catalog.records import ItemFilters
from mm.errors import Conflict, Forbidden, MediaError, MissingData, NotFound, TooLarge, Unavailable, UnsupportedMedia
from mm.schemas import ImportRequest, ImportResponse, Item, ItemPage, ItemStatus, Kind, Upload

router = APIRouter(prefix="/v1/media", tags=["media"])

IMPORT_BYTES = 64 << 10  # of an import's JSON
# Stored bytes are somebody else's: opened by themselves they run nothing and load nothing.
UNTRUSTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
BYTES: JSON = {"content": {f"{kind}/*": {} for kind in ("image", "video", "audio")}}
WEBP: JSON = {"content": {"image/webp": {}}}


@router.post(
    "",
    summary="Upload a picture, a sound or a video",
    status_code=202,
    responses={
        200: {"model": Upload, "description": "The same bytes are an item already", **UPLOAD_LINKS},
        202: {"headers": {"Location": {"description": "The job to follow", "schema": {"type": "string"}}}, **UPLOAD_LINKS},
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
    """Form data with a field `file`, or the bytes as the body with `?name=`. What the file is, its
    content decides."""
    caller = get_client_id(request.scope)
    await limits.catalog.run(caller, limits.refuse_more_jobs, service.store.catalog)
    with service.library.incoming() as incoming:
        label = await receive(request, limits.disk, incoming, service.settings.upload_bytes)
        done = await limits.accepted.run(caller, incoming.accept, label.name, label.tags)
    log_accepted(done)
    response.headers["Location"] = f"/v1/jobs/{done.job.id}"
    response.status_code = 202 if done.created else 200
    return done


@router.post(
    "/import",
    summary="Import a folder that the server can see",
    responses=responses(Forbidden, NotFound, TooLarge),
    openapi_extra=json_body(ImportRequest, folder={"folder": "2026/holiday", "tags": ["holiday"]}),
)
async def import_media(request: Request, service: ServiceDep, limits: LimitsDep) -> ImportResponse:
    """Every file below the folder; the answer says what became of each. Off unless MM_IMPORT_ROOT
    is set."""
    caller = get_client_id(request.scope)
    wanted = await read_json(request, ImportRequest, IMPORT_BYTES)
    await limits.catalog.run(caller, limits.refuse_more_jobs, service.store.catalog)
    root = service.settings.import_root
    done = await limits.imports.run(caller, import_folder, service.library, root, wanted.folder, list(wanted.tags))
    new = NewAudit(
        action="import",
        subject=wanted.folder,
        detail={"files": len(done.uploads), "refused": len(done.refused)},
    )
    await limits.catalog.run(caller, service.store.catalog.record_audit, current_actor(), new)
    return done


@router.get(
    "",
    summary="List items, newest first or as `sort` says",
    responses={200: LIST_LINKS, **responses()},
    dependencies=[hold_while_processing("catalog")],
)
def list_media(
    service: ServiceDep,
    browse: Annotated[Browse, Depends()],
    kind: Annotated[list[Kind], Query(description="Any of these kinds.")] = [],  # noqa: B006
    tag: Annotated[list[str], Query(description="All of these tags.")] = [],  # noqa: B006
    status: Annotated[ItemStatus | None, Query(description="Only items in this state.")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ItemPage:
    """One page. By `cursor`, no item comes twice whatever comes in between; by `offset`, the list
    begins anywhere."""
    browse.check(cursor)
    filters = ItemFilters(kinds=kind, tags=tag, status=status)
    if browse.offset is not None:
        found, total = service.store.catalog.browse_items(browse.filters(filters), browse.sort, browse.offset, limit)
        return ItemPage(items=[serialize_item(row) for row in found], total=total)
    rows, following = service.store.catalog.list_items(filters, limit, cursor)
    return ItemPage(items=[serialize_item(row) for row in rows], next=following)


@router.get("/{item_id}", summary="One item", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")])
def get_media(item_id: str, service: ServiceDep) -> Item:
    """What is known of it, and how far the work on it is."""
    return serialize_item(service.library.item(item_id))


@router.post(
    "/{item_id}/retry",
    summary="Process an item again that failed or was stopped",
    status_code=202,
    responses={
        202: {"headers": {"Location": {"description": "The job to follow", "schema": {"type": "string"}}}, **UPLOAD_LINKS},
        **responses(NotFound, Conflict),
    },
    dependencies=[hold_while_processing("catalog")],
)
def retry_media(item_id: str, response: Response, service: ServiceDep, limits: LimitsDep) -> Upload:
    """A new job on the bytes that are stored. An item in process keeps its job; one that is ready
    is a conflict."""
    limits.refuse_more_jobs(service.store.catalog)
    done = service.library.retry(item_id)
    log_accepted(done)
    response.headers["Location"] = f"/v1/jobs/{done.job.id}"
    return done


@router.head("/{item_id}/content", include_in_schema=False, dependencies=[hold_while_processing("catalog")])
@router.get(
    "/{item_id}/content",
    summary="The bytes as they were uploaded",
    response_class=Response,
    responses={
        200: BYTES,
        206: {"description": "The range that was asked for", **BYTES},
        304: {"description": "The caller has it"},
        416: {"description": "The range starts behind the end"},
        **responses(NotFound, MissingData, Unavailable),
    },
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_content(item_id: str, request: Request, service: ServiceDep) -> Response:
    """Takes one byte range, `If-Range` and `If-None-Match`; the entity tag is the SHA-256."""
    item = service.library.item(item_id)
    headers = {"Content-Type": item.content_type, "Content-Disposition": content_disposition(item.name), **UNTRUSTED}
    return serve_file(request, service.store.blobs.path(item.sha256), item.sha256, headers)


@router.get(
    "/{item_id}/thumbnail",
    summary="A small picture of a moment",
    response_class=Response,
    responses={200: WEBP, 304: {"description": "The caller has it"}, **responses(NotFound, MediaError, MissingData)},
)
async def get_thumbnail(
    item_id: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    t: Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds from the start.")] = 0.0,
    size: Annotated[int, Query(ge=1, le=1280, description="Longest side, px; the next larger of a few sizes.")] = 320,
) -> Response:
    """WebP; of a video, the key frame at that moment or before it; of a sound, its loudness drawn
    from that moment on."""
    caller = get_client_id(request.scope)
    item = await limits.catalog.run(caller, service.library.item, item_id)
    headers = {"ETag": f'"{item_id}-{t:.3f}-{size}"', "Cache-Control": "private, max-age=86400", **UNTRUSTED}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    picture = await limits.disk.run(service.thumbnails.find, item, t, size)
    if picture is None:
        blob = service.store.blobs.path(item.sha256)
        making = limits.thumbnails.run_cancellable(caller, partial(service.thumbnails.make, item, blob, t, size))
        picture = await until_disconnect(request, making)
    return Response(picture, media_type="image/webp", headers=headers)


@router.delete(
    "/{item_id}",
    summary="Delete an item",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_media(item_id: str, service: ServiceDep) -> None:
    """Its bytes, its moments and its thumbnails; work on it is cancelled."""
    service.library.remove(item_id)
