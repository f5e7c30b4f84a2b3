"""The space of the library, and its reindexing into another one."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.http.bodies import read_json
from api.limits.resources import LimitsDep, hold_while_processing
from api.openapi.operations import json_body, responses
from api.request_context import get_client_id
from api.service import ServiceDep
from api.spaces import reindex
from mm.errors import Conflict, Corrupt, NotFound, TooLarge, Unavailable
from mm.schemas import LibrarySpace, Move, MoveRequest, ResumeRequest

BODY_BYTES = 64 << 10
TARGET_BODY = json_body(MoveRequest, openclip={"to": "openclip:ViT-B-32/laion2b_s34b_b79k"}, lite={"to": "lite"})
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


@router.post(
    "/move",
    status_code=202,
    summary="Reindex the library into another space",
    responses=responses(NotFound, Conflict, Corrupt, TooLarge, Unavailable),
    openapi_extra=TARGET_BODY,
)
async def start_move(request: Request, service: ServiceDep, limits: LimitsDep) -> Move:
    """Workers encode every item again, in addition to new uploads. Searches use the current space
    until all items are encoded."""
    body = await read_json(request, MoveRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), reindex.start, service, body.to)


@router.post(
    "/move/stop",
    summary="Stop the reindexing",
    responses=responses(Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def stop_move(service: ServiceDep) -> Move:
    """Its work ends within seconds. Encoded items are kept."""
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
