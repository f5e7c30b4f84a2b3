"""Inspections: start as a job, list, results with heat maps, failures, export, cancel, delete."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.http.bodies import read_json
from api.http.headers import content_disposition
from api.inspection import inspections, marks
from api.inspection.export import write_export
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.openapi.operations import JSON, json_body, links, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from indexes.catalog.records import ResultFilters
from mm.errors import Conflict, Corrupt, MediaError, MissingData, NotFound, TooLarge, Unavailable
from mm.schemas import (
    ExportFormat,
    InspectionFailurePage,
    InspectionMark,
    InspectionMarkList,
    InspectionMarkRequest,
    InspectionPage,
    InspectionRequest,
    InspectionResult,
    InspectionResultPage,
    InspectionRun,
    InspectionVerdict,
    StartedInspection,
)

if TYPE_CHECKING:
    from api.limits.thread_pool import ThreadPool

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])

MARK_BYTES = 1 << 20
BODY_BYTES, ITEM_BYTES = 128 << 10, 40
"""Of a request without its ids; of one id."""
READ_BYTES = 256 << 10
PNG: JSON = {"content": {"image/png": {}}}
FILE: JSON = {"content": {"application/zip": {}, "application/json": {}, "text/csv": {}}}
OF_RUN = ("get_inspection", "list_results", "list_failures", "cancel_inspection", "delete_inspection")
RUN_LINKS: JSON = {"links": links("inspection_id", "$response.body#/inspection/id", *OF_RUN)}
LIST_LINKS: JSON = {"links": links("inspection_id", "$response.body#/inspections/0/id", *OF_RUN)}
HEADERS = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
Cursor = Annotated[str | None, Query(description="`next` of the previous page.")]
Limit = Annotated[int, Query(ge=1, le=500)]
VerdictFilter = Annotated[InspectionVerdict | None, Query(description="Only this verdict.")]


@router.post(
    "",
    summary="Inspect items",
    status_code=202,
    responses={202: RUN_LINKS, **responses(NotFound, Conflict, TooLarge, Corrupt)},
    openapi_extra=json_body(
        InspectionRequest, disc={"inspector": "disc", "items": ["88431cd9653ccd539741b555fb0a46b6"], "scale": "camera-1"}
    ),
)
async def start_inspection(request: Request, response: Response, service: ServiceDep, limits: LimitsDep) -> StartedInspection:
    """Images, and frames of videos, as a job."""
    client = get_client_id(request.scope)
    max_bytes = BODY_BYTES + ITEM_BYTES * service.settings.max_inspected
    body = await read_json(request, InspectionRequest, max_bytes, "max_inspected")
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    started = await limits.catalog.run(client, inspections.start_inspection, service, body)
    response.headers["Location"] = f"/v1/inspections/{started.inspection.id}"
    return started


@router.get(
    "",
    summary="List inspections",
    responses={200: LIST_LINKS, **responses()},
    dependencies=[hold_while_processing("catalog")],
)
def list_inspections(
    service: ServiceDep,
    inspector: Annotated[str | None, Query(description="Only those of this inspector.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> InspectionPage:
    """Newest first."""
    return inspections.list_inspections(service, inspector, cursor, limit)


@router.get(
    "/{inspection_id}",
    summary="Get an inspection",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def get_inspection(inspection_id: str, service: ServiceDep) -> InspectionRun:
    """Its state and the number of results by verdict."""
    return inspections.serialize_run(inspections.get_run(service, inspection_id))


@router.post(
    "/{inspection_id}/cancel",
    summary="Cancel an inspection",
    responses=responses(NotFound, Conflict),
    dependencies=[hold_while_processing("catalog")],
)
def cancel_inspection(inspection_id: str, service: ServiceDep) -> InspectionRun:
    """Results so far stay."""
    return inspections.cancel_inspection(service, inspection_id)


@router.delete(
    "/{inspection_id}",
    summary="Delete an inspection",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_inspection(inspection_id: str, service: ServiceDep) -> None:
    """With its results and heat maps; its job is cancelled. The audit log records it."""
    inspections.delete_inspection(service, inspection_id)


@router.get(
    "/{inspection_id}/results",
    summary="List the results of an inspection",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_results(
    inspection_id: str,
    service: ServiceDep,
    verdict: VerdictFilter = None,
    item: Annotated[str | None, Query(description="Only results of this item.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> InspectionResultPage:
    """By ascending p-value: what is least like good parts first."""
    filters = ResultFilters(run_id=inspection_id, item_id=item, verdict=verdict)
    rows, total, following = inspections.list_results(service, filters, cursor, limit)
    results = marks.attach_marks(service, rows, [inspections.serialize_result(row) for row in rows])
    return InspectionResultPage(results=results, total=total, next=following)


@router.get(
    "/{inspection_id}/results/{result_id}",
    summary="Get a result",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def get_result(inspection_id: str, result_id: str, service: ServiceDep) -> InspectionResult:
    """Verdict, p-value, regions with their sizes, and the threshold statement."""
    row = inspections.get_result(service, inspection_id, result_id)
    return marks.attach_marks(service, [row], [inspections.serialize_result(row)])[0]


@router.get(
    "/{inspection_id}/results/{result_id}/heat",
    summary="Get a heat map",
    response_class=Response,
    responses={200: PNG, **responses(NotFound, MissingData)},
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_heat_map(inspection_id: str, result_id: str, service: ServiceDep) -> Response:
    """A grey PNG of 16 bits, as large as the image; its text `heat-per-level` is its unit."""
    data = inspections.read_heat_map(service, inspection_id, result_id)
    return Response(data, media_type="image/png", headers=HEADERS)


@router.get(
    "/{inspection_id}/results/{result_id}/overlay",
    summary="Get a heat map in colours",
    response_class=Response,
    responses={200: PNG, **responses(NotFound, MissingData, Corrupt)},
)
async def get_overlay(inspection_id: str, result_id: str, request: Request, service: ServiceDep, limits: LimitsDep) -> Response:
    """A PNG with colours and opacity, transparent up to the threshold, to lay over the image."""
    client = get_client_id(request.scope)
    rendering = limits.thumbnails.run(client, inspections.render_overlay, service, inspection_id, result_id)
    return Response(await cancel_on_disconnect(request, rendering), media_type="image/png", headers=HEADERS)


MARKS = "/{inspection_id}/results/{result_id}/marks"


@router.post(
    MARKS,
    summary="Mark a result",
    status_code=201,
    responses=responses(NotFound, TooLarge, Corrupt),
    openapi_extra=json_body(InspectionMarkRequest, good={"verdict": "accept"}),
)
async def add_mark(
    inspection_id: str, result_id: str, request: Request, service: ServiceDep, limits: LimitsDep
) -> InspectionMark:
    """Good after all, or defective, and where. A mark with the other verdict is undone."""
    body = await read_json(request, InspectionMarkRequest, MARK_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), marks.add_mark, service, inspection_id, result_id, body)


@router.get(
    MARKS,
    summary="List the marks of a result",
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def list_marks(inspection_id: str, result_id: str, service: ServiceDep) -> InspectionMarkList:
    """Marks in force of its image, also of other inspections by the same inspector."""
    return InspectionMarkList(data=marks.list_marks(service, inspection_id, result_id))


@router.delete(
    MARKS + "/{mark_id}",
    summary="Undo a mark",
    status_code=204,
    responses=responses(NotFound, Corrupt),
    dependencies=[hold_while_processing("catalog")],
)
def undo_mark(inspection_id: str, result_id: str, mark_id: str, service: ServiceDep) -> None:
    """Versions that it taught stay as they are."""
    marks.undo_mark(service, inspection_id, result_id, mark_id)


@router.get(
    "/{inspection_id}/failures",
    summary="List what could not be inspected",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_failures(inspection_id: str, service: ServiceDep, cursor: Cursor = None, limit: Limit = 50) -> InspectionFailurePage:
    """Items and ranges of videos, with the reason."""
    return inspections.list_failures(service, inspection_id, cursor, limit)


@router.get(
    "/{inspection_id}/export",
    summary="Export the results of an inspection",
    response_class=StreamingResponse,
    responses={200: FILE, **responses(NotFound, TooLarge, MediaError, MissingData, Unavailable)},
    dependencies=[hold_while_sending("downloads")],
)
async def export_results(
    inspection_id: str,
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    format: Annotated[ExportFormat, Query(description="`mvtec` and `png16` are zip files.")],  # noqa: A002
    verdict: VerdictFilter = None,
) -> Response:
    """COCO JSON, a CSV table of the regions, folders as those of MVTec AD, or heat maps as PNG."""
    path = service.scratch / f"export-{secrets.token_hex(8)}"
    filters = ResultFilters(run_id=inspection_id, verdict=verdict)
    work = partial(write_export, service, filters, format, path)
    writing = limits.exports.run_cancellable(get_client_id(request.scope), lambda cancelled: work(cancelled=cancelled))
    try:
        export = await cancel_on_disconnect(request, writing)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    file = path.open("rb")
    path.unlink()  # nothing is left if the client closes the connection
    headers = {
        "Content-Disposition": content_disposition(export.name),
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(_send(file, limits.disk), media_type=export.media_type, headers=headers)


async def _send(file: BinaryIO, threads: ThreadPool) -> AsyncIterator[bytes]:
    """Yield the blocks of a file, and close it at the end or when the client leaves."""
    with file:
        while block := await threads.run(file.read, READ_BYTES):
            yield block
