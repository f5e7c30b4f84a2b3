"""The identity of the client, and the signed-in browsers. `api.auth.signin` has sign-in and
sign-out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from api.limits.resources import hold_while_processing
from api.openapi.operations import responses
from api.request_context import current_actor, get_client
from api.service import ServiceDep
from mm.errors import NotFound, Unavailable
from mm.keys import KeyFile
from mm.schemas import Session, SignedIn, SignedInList

if TYPE_CHECKING:
    from indexes.catalog.sessions import SessionRow
    from mm.keys import ApiKey

router = APIRouter(tags=["session"])


@router.get("/v1/session", summary="Get the identity of the client", responses=responses())
async def get_session(request: Request) -> Session:
    """Id, name and scope of the API key, and when the session of a browser expires. `DELETE
    /session` ends it."""
    client = get_client(request.scope)
    if client.key is None:
        return Session()
    expires_at = None if client.session is None else _to_datetime(client.session.expires_at)
    return Session(key_id=client.key.id, name=client.key.name, scope=client.key.scope, expires_at=expires_at)


@router.get(
    "/v1/sessions",
    summary="List the signed-in browsers",
    responses=responses(Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def list_sessions(service: ServiceDep) -> SignedInList:
    """Latest sign-in first, without expired sessions. Requires a key with the scope `admin`, if the
    service requires keys."""
    keys = {key.id: key for key in KeyFile(service.settings.root).all()}
    rows = service.store.catalog.list_sessions()
    return SignedInList(data=[_serialize(row, keys[row.key_id]) for row in rows if row.key_id in keys])


@router.delete(
    "/v1/sessions/{session_id}",
    status_code=204,
    summary="Sign a browser out",
    responses=responses(NotFound, Unavailable),
    dependencies=[hold_while_processing("catalog")],
)
def end_session(session_id: str, service: ServiceDep) -> None:
    """Its running requests end within a second. Requires a key with the scope `admin`, if the
    service requires keys."""
    if not service.store.catalog.end_session(session_id, current_actor()):
        raise NotFound(f"There is no session {session_id!r}.")


def _serialize(row: SessionRow, key: ApiKey) -> SignedIn:
    return SignedIn(id=row.id, key_id=key.id, name=key.name, created_at=row.created_at, expires_at=_to_datetime(row.expires_at))


def _to_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
