"""Scales: add from a known length or a calibration board, list, get, delete."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request

from api.http.bodies import read_json
from api.inspection import scales
from api.limits.disconnects import cancel_on_disconnect
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import JSON, json_body, links, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from mm.errors import Conflict, Corrupt, MediaError, MissingData, NotFound, NotMeasurable, TooLarge, Unavailable
from mm.schemas import ScaleInfo, ScaleList, ScaleRequest

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
