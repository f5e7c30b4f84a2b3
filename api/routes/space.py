"""The space of the library, and the way to another one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example

from api import moving
from api.openapi import responses
from api.service import ServiceDep
from mm.errors import Conflict, Corrupt, NotFound, Unavailable
from mm.schemas import LibrarySpace, Move, MoveRequest, ResumeRequest

WHERE: dict[str, Example] = {
    "openclip": {"value": {"to": "openclip:ViT-B-32/laion2b_s34b_b79k"}},
    "lite": {"value": {"to": "lite"}},
}
HOW: dict[str, Example] = {"again": {"value": {"leave_out": False}}, "without": {"value": {"leave_out": True}}}

router = APIRouter(prefix="/v1/space", tags=["space"])


@router.get("", summary="The space of the library, and how far it is on its way to another", responses=responses(Unavailable))
def get_space(service: ServiceDep) -> LibrarySpace:
    """With what it has in other spaces."""
    return moving.describe(service)


@router.post(
    "/move",
    status_code=202,
    summary="Move the library to another space",
    responses=responses(NotFound, Conflict, Corrupt, Unavailable),
)
def start_move(wanted: Annotated[MoveRequest, Body(openapi_examples=WHERE)], service: ServiceDep) -> Move:
    """Workers encode every item anew beside the uploads. Questions are answered from the old space until all are there."""
    return moving.start(service, wanted.to)


@router.post("/move/stop", summary="Stop a move", responses=responses(Conflict, Unavailable))
def stop_move(service: ServiceDep) -> Move:
    """Within seconds nothing of it is worked on any more. What is done stays done."""
    return moving.stop(service)


@router.post("/move/resume", summary="Let a stopped move go on", responses=responses(Conflict, Unavailable))
def resume_move(service: ServiceDep, how: Annotated[ResumeRequest | None, Body(openapi_examples=HOW)] = None) -> Move:
    """Items that could not be encoded are tried again, or left out."""
    return moving.resume(service, leave_out=how is not None and how.leave_out)


@router.post("/move/undo", status_code=202, summary="Undo a move", responses=responses(Conflict, Unavailable))
def undo_move(service: ServiceDep) -> Move:
    """One that is not over ends. After one that is done the library goes back; only what came since is to be encoded for that."""
    return moving.undo(service)


@router.delete(
    "/{space_id}",
    status_code=204,
    summary="Delete what the library has in a space that it is not in",
    responses=responses(NotFound, Conflict, Unavailable),
)
def drop_space(space_id: str, service: ServiceDep) -> None:
    """As after a move that will not be undone. The files go with the next sweep."""
    moving.drop(service, space_id)
