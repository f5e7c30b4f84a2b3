"""Scales: add from a known length or a calibration board, list, get, delete."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.http.bodies import read_json, write_body
from api.inspection import scales
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import BINARY, JSON, json_body, links, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import (
    Conflict,
    Corrupt,
    MediaError,
    MissingData,
    MissingScale,
    NotFound,
    NotMeasurable,
    StorageFull,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)
from mm.schemas import ScaleInfo, ScaleList, ScaleRequest
from mm.schemas.inspectors import NAME_PATTERN

router = APIRouter(prefix="/v1/scales", tags=["scales"])

BODY_BYTES = 128 << 10
NAME_LINKS: JSON = {"links": links("name", "$response.body#/name", "get_scale", "delete_scale")}


@router.post(
    "",
    summary="Add a scale",
    status_code=201,
    responses={201: NAME_LINKS, **responses(NotFound, Conflict, MediaError, NotMeasurable, MissingData, TooLarge, Unavailable)},
    openapi_extra=json_body(
        ScaleRequest, length={"name": "camera-1", "length": {"length_mm": 20.0, "start": [10, 40], "end": [1010, 40]}}
    ),
)
async def add_scale(request: Request, service: ServiceDep, limits: LimitsDep) -> ScaleInfo:
    """From a known length between two points, or from images of a calibration board."""
    body = await read_json(request, ScaleRequest, BODY_BYTES)
    work = partial(scales.add_scale, service, body)
    adding = limits.query_files.run_cancellable(get_client_id(request.scope), lambda cancelled: work(cancelled=cancelled))
    return await cancel_on_disconnect(request, adding)


@router.post(
    "/dicom",
    summary="Add the scale of a DICOM file",
    status_code=201,
    responses={
        201: NAME_LINKS,
        **responses(Conflict, MissingScale, UnsupportedMedia, MediaError, TooLarge, TooMany, StorageFull, Unavailable),
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/dicom": {"schema": BINARY}}}},
    dependencies=[hold_while_processing("uploads")],
)
async def add_dicom_scale(
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    name: Annotated[str, Query(pattern=NAME_PATTERN)],
    region: Annotated[int, Query(ge=1, le=1000, description="Which of its regions with a spacing.")] = 1,
) -> ScaleInfo:
    """From a region of ultrasound with a spacing. The file is the body; it is deleted afterwards,
    and only the spacing and the borders of the region are stored."""
    with TemporaryDirectory(dir=service.scratch) as scratch:
        path = Path(scratch) / "file.dcm"
        await write_body(request, limits.disk, path, service.settings.upload_bytes, "upload_bytes")
        client = get_client_id(request.scope)
        return await limits.accepted.run(client, scales.add_dicom_scale, service, name, region, path)


@router.get("", summary="List the scales", responses=responses(Corrupt), dependencies=[hold_while_processing("catalog")])
def list_scales(service: ServiceDep) -> ScaleList:
    """By name, also those that `mm scale add` added in the same home folder."""
    return ScaleList(data=scales.list_scales(service))


@router.get(
    "/{name}", summary="Get a scale", responses=responses(NotFound, Corrupt), dependencies=[hold_while_processing("catalog")]
)
def get_scale(name: str, service: ServiceDep) -> ScaleInfo:
    """Millimetres per pixel with the standard uncertainty, and where it holds."""
    return scales.get_scale(service, name)


@router.delete(
    "/{name}",
    summary="Delete a scale",
    status_code=204,
    responses=responses(NotFound),
    dependencies=[hold_while_processing("catalog")],
)
def delete_scale(name: str, service: ServiceDep) -> None:
    """Inspections that used it keep their copies."""
    scales.delete_scale(service, name)
