"""The space of the library, and its reindexing into another one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.http.bodies import read_json
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from api.spaces import reindex
from api.spaces.advice import measure
from mm.errors import Conflict, Corrupt, NotFound, TooLarge, Unavailable
from mm.schemas import LibrarySpace, MeasureRequest, Move, MoveRequest, ResumeRequest, SpaceOptions

BODY_BYTES = 64 << 10
TARGET_BODY = json_body(
    MoveRequest,
    openclip={"to": "openclip:ViT-B-32/laion2b_s34b_b79k"},
    download={"to": "openclip:ViT-B-16-SigLIP/webli", "download": True},
    lite={"to": "lite"},
)
MEASURE_BODY = json_body(MeasureRequest, openclip={"to": "openclip:ViT-B-32/laion2b_s34b_b79k"})
RESUME_BODY = json_body(ResumeRequest, required=False, again={"leave_out": False}, without={"leave_out": True})

router = APIRouter(prefix="/v1/space", tags=["space"])


@router.get(
    "",
    summary="Get the space of the library, and the progress of its reindexing",
    responses=responses(Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def get_space(service: ServiceDep) -> LibrarySpace:
    """With the data in other spaces."""
    return reindex.describe(service)


@router.get(
    "/options",
    summary="List larger spaces that this machine could run",
    responses=responses(Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def list_space_options(
    service: ServiceDep,
    network: Annotated[bool, Query(description="Whether to ask the hub of models whether it responds.")] = False,
) -> SpaceOptions:
    """With their published recall, what they need, and how long the reindexing of this library
    takes. Nothing is downloaded."""
    return reindex.options(service, ask_network=network)


@router.post(
    "/measure",
    summary="Measure the speed of a larger space on items of the library",
    responses=responses(NotFound, Conflict, TooLarge, Unavailable),
    openapi_extra=MEASURE_BODY,
)
async def measure_space(request: Request, service: ServiceDep, limits: LimitsDep) -> SpaceOptions:
    """Loads the model, whose files must be on the disk, in a process of its own."""
    body = await read_json(request, MeasureRequest, BODY_BYTES)
    client = get_client_id(request.scope)
    await limits.thumbnails.run(client, measure, service, body.to)
    return await limits.catalog.run(client, reindex.options, service, ask_network=False)


@router.post(
    "/move",
    status_code=202,
    summary="Reindex the library into another space",
    responses=responses(NotFound, Conflict, Corrupt, TooLarge, Unavailable),
    openapi_extra=TARGET_BODY,
)
async def start_move(request: Request, service: ServiceDep, limits: LimitsDep) -> Move:
    """Workers encode every item again, in addition to new uploads. Searches use the current space
    until all items are encoded.

    With `download`, missing files are downloaded first, from the address in `/v1/space/options`.
    """
    body = await read_json(request, MoveRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), reindex.start, service, body.to, download=body.download)


@router.post(
    "/move/stop",
    summary="Stop the reindexing",
    responses=responses(Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def stop_move(service: ServiceDep) -> Move:
    """Its work ends within seconds. Encoded items and received bytes are kept."""
    return reindex.stop(service)


@router.post(
    "/move/resume",
    summary="Continue a stopped reindexing",
    responses=responses(Conflict, TooLarge, Unavailable),
    openapi_extra=RESUME_BODY,
)
async def resume_move(request: Request, service: ServiceDep, limits: LimitsDep) -> Move:
    """Items that could not be encoded are retried, or left out."""
    body = await read_json(request, ResumeRequest, BODY_BYTES, default=ResumeRequest())
    return await limits.catalog.run(get_client_id(request.scope), reindex.resume, service, leave_out=body.leave_out)


@router.post(
    "/move/undo",
    status_code=202,
    summary="Undo the reindexing",
    responses=responses(Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def undo_move(service: ServiceDep) -> Move:
    """An unfinished one ends. After a finished one, the library is reindexed into its previous
    space, where only newer items have to be encoded."""
    return reindex.undo(service)


@router.delete(
    "/{space_id}",
    status_code=204,
    summary="Delete the data of a space that is not in use",
    responses=responses(NotFound, Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def drop_space(space_id: str, service: ServiceDep) -> None:
    """For example after a reindexing that will not be undone.

    Garbage collection deletes the files.
    """
    reindex.drop(service, space_id)
