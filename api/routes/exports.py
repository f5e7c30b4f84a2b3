"""Exports of clips: jobs that cut time ranges of items."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.http.ranges import serve_file
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, MissingData, NotFound, StorageFull, TooLarge, Unavailable
from mm.schemas import Export, ExportList, ExportRequest

router = APIRouter(prefix="/v1/exports", tags=["exports"])

EXPORT_BYTES = 1 << 20
"""Maximum body of a request: 1,000 clips have about 100 kB."""
CLIP_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'"}
CLIP = {"item": "88431cd9653ccd539741b555fb0a46b6", "start": 12.5, "end": 20.0}


@router.post(
    "",
    summary="Export clips",
    status_code=202,
    responses=responses(NotFound, TooLarge),
    openapi_extra=json_body(ExportRequest, clips={"clips": [CLIP], "exact": True}, album={"album": "0123456789abcdef"}),
)
async def create_export(request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> Export:
    """A job that cuts time ranges of items. Its progress is that of `GET /v1/jobs/{job_id}/events`;
    `POST /v1/jobs/{job_id}/cancel` cancels it."""
    client = get_client_id(request.scope)
    body = await read_json(request, ExportRequest, EXPORT_BYTES)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    export = await limits.catalog.run(client, service.exports.create, body)
    response.headers["Location"] = f"/v1/exports/{export.id}"
    return export


@router.get("", summary="List the exports", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_exports(service: ServiceDep, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> ExportList:
    """Latest first."""
    return service.exports.list_all(limit)


@router.get(
    "/{export_id}", summary="Get an export", responses=responses(NotFound), dependencies=[hold_while_processing("catalog")]
)
def get_export(export_id: str, service: ServiceDep) -> Export:
    """Its state, the clips that are cut, and those that cannot be."""
    return service.exports.get(export_id)


@router.get(
    "/{export_id}/content",
    summary="Get the file of an export",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in ("application/zip", "application/octet-stream")}},
        206: {"content": {kind: {} for kind in ("application/zip", "application/octet-stream")}, "description": "A byte range"},
        304: {"description": "The client has the file"},
        416: {"description": "Range not satisfiable"},
        **responses(NotFound, Conflict, MissingData, StorageFull, Unavailable),
    },
    dependencies=[hold_while_sending("downloads")],
)
async def get_export_content(export_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Response:
    """The only clip, or a ZIP file of all with `manifest.json`, which has the times that each clip
    really has and what could not be cut. Supports one byte range."""
    path, name = await limits.exports.run(get_client_id(request.scope), service.exports.open_file, export_id)
    kind = "application/zip" if name.endswith(".zip") else "application/octet-stream"
    headers = {"Content-Type": kind, "Content-Disposition": content_disposition(name, "attachment"), **CLIP_HEADERS}
    return serve_file(request, path, f"{export_id}-{kind}", headers)


@router.delete(
    "/{export_id}",
    summary="Delete an export",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_export(export_id: str, service: ServiceDep) -> None:
    """Cancels it and deletes its files; items stay."""
    service.exports.delete(export_id)
