"""Who sends a request, and the browsers that are signed in. Sign-in and sign-out are at `/session`:
see `api.auth.signin`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from api.http.openapi import responses
from api.limits.resources import hold_while_processing
from api.request_context import current_actor, get_client
from api.service import ServiceDep
from mm.errors import NotFound, Unavailable
from mm.keys import KeyFile
from mm.schemas import Session, SignedIn, SignedInList

if TYPE_CHECKING:
    from indexes.catalog.sessions import SessionRow
    from mm.keys import ApiKey

router = APIRouter(tags=["session"])


@router.get("/v1/session", summary="Who sends this request", responses=responses())
async def get_session(request: Request) -> Session:
    """The API key by its id and name, and when a browser's session ends. `DELETE /session` ends it
    at once."""
    caller = get_client(request.scope)
    if caller.key is None:
        return Session()
    expires_at = None if caller.session is None else _time(caller.session.expires_at)
    return Session(key_id=caller.key.id, name=caller.key.name, scope=caller.key.scope, expires_at=expires_at)


@router.get(
    "/v1/sessions",
    summary="The browsers that are signed in",
    responses=responses(Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def list_sessions(service: ServiceDep) -> SignedInList:
    """The latest sign-in first, without sessions that expired. Needs a key with the scope `admin`,
    where keys are needed."""
    keys = {key.id: key for key in KeyFile(service.settings.root).all()}
    rows = service.store.catalog.list_sessions()
    return SignedInList(data=[_signed_in(row, keys[row.key_id]) for row in rows if row.key_id in keys])


@router.delete(
    "/v1/sessions/{session_id}",
    status_code=204,
    summary="Sign a browser out",
    responses=responses(NotFound, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def end_session(session_id: str, service: ServiceDep) -> None:
    """What it has running ends within a second. Needs a key with the scope `admin`, where keys are
    needed."""
    if not service.store.catalog.end_session(session_id, current_actor()):
        raise NotFound(f"There is no session {session_id!r}.")


def _signed_in(row: SessionRow, key: ApiKey) -> SignedIn:
    return SignedIn(id=row.id, key_id=key.id, name=key.name, created_at=row.created_at, expires_at=_time(row.expires_at))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
