"""The space of the library, and the way to another one."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.http.bodies import read_json
from api.http.openapi import json_body, responses
from api.limits.resources import LimitsDep, hold_while_processing
from api.request_context import get_client_id
from api.service import ServiceDep
from api.spaces import reindex
from mm.errors import Conflict, Corrupt, NotFound, TooLarge, Unavailable
from mm.schemas import LibrarySpace, Move, MoveRequest, ResumeRequest

BODY_BYTES = 64 << 10
WHERE = json_body(MoveRequest, openclip={"to": "openclip:ViT-B-32/laion2b_s34b_b79k"}, lite={"to": "lite"})
HOW = json_body(ResumeRequest, required=False, again={"leave_out": False}, without={"leave_out": True})

router = APIRouter(prefix="/v1/space", tags=["space"])


@router.get(
    "",
    summary="The space of the library, and how far it is on its way to another",
    responses=responses(Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def get_space(service: ServiceDep) -> LibrarySpace:
    """With what it has in other spaces."""
    return reindex.describe(service)


@router.post(
    "/move",
    status_code=202,
    summary="Move the library to another space",
    responses=responses(NotFound, Conflict, Corrupt, TooLarge, Unavailable),
    openapi_extra=WHERE,
)
async def start_move(request: Request, service: ServiceDep, limits: LimitsDep) -> Move:
    """Workers encode every item anew beside the uploads. Questions are answered from the old space
    until all are there."""
    wanted = await read_json(request, MoveRequest, BODY_BYTES)
    return await limits.catalog.run(get_client_id(request.scope), reindex.start, service, wanted.to)


@router.post(
    "/move/stop",
    summary="Stop a move",
    responses=responses(Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def stop_move(service: ServiceDep) -> Move:
    """Within seconds nothing of it is worked on any more. What is done stays done."""
    return reindex.stop(service)


@router.post(
    "/move/resume",
    summary="Let a stopped move go on",
    responses=responses(Conflict, TooLarge, Unavailable),
    openapi_extra=HOW,
)
async def resume_move(request: Request, service: ServiceDep, limits: LimitsDep) -> Move:
    """Items that could not be encoded are tried again, or left out."""
    how = await read_json(request, ResumeRequest, BODY_BYTES, empty=ResumeRequest())
    return await limits.catalog.run(get_client_id(request.scope), reindex.resume, service, leave_out=how.leave_out)


@router.post(
    "/move/undo",
    status_code=202,
    summary="Undo a move",
    responses=responses(Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def undo_move(service: ServiceDep) -> Move:
    """One that is not over ends. After one that is done the library goes back; only what came since
    is to be encoded for that."""
    return reindex.undo(service)


@router.delete(
    "/{space_id}",
    status_code=204,
    summary="Delete what the library has in a space that it is not in",
    responses=responses(NotFound, Conflict, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def drop_space(space_id: str, service: ServiceDep) -> None:
    """As after a move that will not be undone. The files go with the next sweep."""
    reindex.drop(service, space_id)
