"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.auth.failure_log import FailureLog
from api.auth.key_changes import copy_key_changes
from api.limits.resources import LimitsDep
from api.openapi.operations import responses
from api.request_context import get_client_id
from api.service import Service, ServiceDep
from indexes.catalog.audit import AuditFilters, AuditRow
from mm.errors import Unavailable
from mm.keys import KeyFile
from mm.schemas import AuditEntry, AuditPage

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="List the audit log", responses=responses(Unavailable))
async def list_audit(
    request: Request,
    service: ServiceDep,
    limits: LimitsDep,
    action: Annotated[str | None, Query(max_length=32, description="Only this action, as in `item.delete`.")] = None,
    key: Annotated[
        str | None, Query(max_length=64, description="Only of this actor: the id of a key, `local`, `anonymous` or `worker`.")
    ] = None,
    since: Annotated[datetime | None, Query(description="Only changes made then or later.")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AuditPage:
    """Latest first. Requires a key with the scope `admin`, if the service requires keys."""
    failures = request.app.state.failures
    assert isinstance(failures, FailureLog)
    await failures.flush(service.store.catalog)
    filters = AuditFilters(action, key, since)
    rows, next_cursor = await limits.catalog.run(get_client_id(request.scope), _list, service, filters, limit, cursor)
    return AuditPage(entries=[_entry(row) for row in rows], next=next_cursor)


def _list(service: Service, filters: AuditFilters, limit: int, cursor: str | None) -> tuple[list[AuditRow], str | None]:
    copy_key_changes(KeyFile(service.settings.root), service.store.catalog)
    return service.store.catalog.list_audit(filters, limit, cursor)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        address=row.address,
        request_id=row.request_id,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
