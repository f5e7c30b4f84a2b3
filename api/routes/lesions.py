"""Lesion candidates in ultrasound: candidates for review, research use, not a diagnosis."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.bodies import read_json, write_body
from api.http.cursors import format_after, parse_after
from api.http.headers import content_disposition
from api.http.ranges import serve_file
from api.lesions import analyses
from api.limits.resources import LimitsDep, hold_while_processing, hold_while_sending
from api.openapi.operations import BINARY, JSON, json_body, links, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import (
    MediaError,
    MissingData,
    NotFound,
    StorageFull,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mm.lesions.exports.names import CONTENT_TYPES
from mm.schemas import LesionAnalysis, LesionList, LesionRegionPage, LesionRequest

router = APIRouter(prefix="/v1/lesions", tags=["lesions"])

BODY_BYTES = 64 << 10
FILES: JSON = {"content": {kind.partition(";")[0]: {} for kind in CONTENT_TYPES.values()}}
OF_ANALYSIS = ("get_lesions", "list_lesion_regions", "delete_lesions")
LINKS: JSON = {"links": links("analysis_id", "$response.body#/id", *OF_ANALYSIS)}
HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}


@router.post(
    "",
    summary="Analyse images and videos of ultrasound",
    status_code=202,
    responses=responses(NotFound, TooLarge, TooMany, Unavailable),
    openapi_extra=json_body(LesionRequest, items={"media": ["88431cd9653ccd539741b555fb0a46b6"]}),
)
async def create_lesions(request: Request, service: ServiceDep, limits: LimitsDep) -> LesionList:
    """One analysis for each item, each a job. Candidates for review, research use, not a
    diagnosis."""
    body = await read_json(request, LesionRequest, BODY_BYTES)
    client = get_client_id(request.scope)
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    return await limits.catalog.run(client, analyses.analyse_items, service, body.media)


@router.post(
    "/dicom",
    summary="Analyse a DICOM file of ultrasound",
    status_code=202,
    responses={202: LINKS, **responses(UnsupportedMedia, MediaError, TooLarge, TooMany, StorageFull, Unavailable)},
    openapi_extra={"requestBody": {"required": True, "content": {"application/dicom": {"schema": BINARY}}}},
    dependencies=[hold_while_processing("uploads")],
)
async def create_dicom_lesions(request: Request, service: ServiceDep, limits: LimitsDep) -> LesionAnalysis:
    """The file is the body. It is no item of the library: it is stored with its analysis alone, and
    deleted with it. Its file name is not stored, as it may identify a patient."""
    client, limit = get_client_id(request.scope), service.settings.upload_bytes
    await limits.catalog.run(client, limits.check_job_queue, service.store.catalog)
    with analyses.incoming_dicom(service) as path:
        await write_body(request, limits.disk, path, limit, "upload_bytes")
        return await limits.accepted.run(client, analyses.analyse_dicom, service, path)


@router.get("", summary="List the analyses", responses=responses(), dependencies=[hold_while_processing("catalog")])
def list_lesions(
    service: ServiceDep,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> LesionList:
    """Newest first, without their results."""
    page, after = analyses.list_analyses(service, None if cursor is None else parse_after(cursor), limit)
    return LesionList(analyses=page, next=None if after is None else format_after(after))


@router.get(
    "/{analysis_id}",
    summary="Get an analysis",
    responses={200: LINKS, **responses(NotFound)},
    dependencies=[hold_while_processing("catalog")],
)
def get_lesions(analysis_id: str, service: ServiceDep) -> LesionAnalysis:
    """State and, when it is done, candidates with start, end, best frame and confidence. Its job is
    `/v1/jobs/{id}`. Candidates for review, research use, not a diagnosis."""
    return analyses.get_analysis(service, analysis_id)


@router.get(
    "/{analysis_id}/regions",
    summary="List the regions of candidates by frame",
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def list_lesion_regions(
    analysis_id: str,
    service: ServiceDep,
    candidate: Annotated[str | None, Query(max_length=40, description="Only those of this candidate.")] = None,
    after: Annotated[int, Query(ge=0, le=1 << 53, description="`next` of the previous page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> LesionRegionPage:
    """A frame without a region has none: nothing is added between detections."""
    return analyses.read_regions(service, analysis_id, candidate, after, limit)


@router.get(
    "/{analysis_id}/exports/{name}",
    summary="Get an export of an analysis",
    response_class=Response,
    responses={
        200: FILES,
        206: {"description": "The requested range", **FILES},
        304: {"description": "The client has the file"},
        416: {"description": "The range starts after the end of the file"},
        **responses(NotFound, MissingData, Unavailable),
    },
    dependencies=[hold_while_sending("downloads"), hold_while_processing("catalog")],
)
def get_lesion_export(analysis_id: str, name: str, request: Request, service: ServiceDep) -> Response:
    """COCO JSON, CSV, PNG of best frames, the video with tracks, DICOM SR and SEG. Those in DICOM
    repeat the identifiers of the file that was sent."""
    path = analyses.get_export(service, analysis_id, name)
    headers = {"Content-Type": CONTENT_TYPES[path.suffix], "Content-Disposition": content_disposition(name), **HEADERS}
    return serve_file(request, path, f"{analysis_id}-{name}", headers)


@router.delete(
    "/{analysis_id}",
    summary="Delete an analysis",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_lesions(analysis_id: str, service: ServiceDep) -> None:
    """With its exports and the DICOM file that was sent; an item of the library stays."""
    analyses.delete_analysis(service, analysis_id)
