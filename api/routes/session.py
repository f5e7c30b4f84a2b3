"""Who sends a request. Sign-in and sign-out are at `/session`: see `api.signin`."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from api.callers import caller_in
from api.openapi import responses
from mm.schemas import Session

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.get("", summary="Who sends this request", responses=responses())
async def get_session(request: Request) -> Session:
    """The API key by its id and name, and when a browser's session ends. `DELETE /session` ends it at once."""
    caller = caller_in(request.scope)
    if caller.key is None:
        return Session()
    expires_at = None if caller.session is None else datetime.fromtimestamp(caller.session.expires_at, UTC)
    return Session(key_id=caller.key.id, name=caller.key.name, scope=caller.key.scope, expires_at=expires_at)
