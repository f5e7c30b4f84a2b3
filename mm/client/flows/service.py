"""Administration of a service: sessions, audit log, health and readiness."""

from __future__ import annotations

from datetime import datetime

from mm.client.paths import quote_id
from mm.client.responses import parse_body, read_body
from mm.client.steps import Flow, Send
from mm.schemas import AuditPage, Health, Readiness, SignedIn, SignedInList


def sessions() -> Flow[list[SignedIn]]:
    """List the signed-in browsers, latest first. Raises `Forbidden` without the scope `admin`."""
    return parse_body((yield from Send("GET", "/v1/sessions")), SignedInList).data


def end_session(session_id: str) -> Flow[None]:
    """Sign a browser out. Raises `NotFound`, and `Forbidden` without the scope `admin`."""
    read_body((yield from Send("DELETE", f"/v1/sessions/{quote_id(session_id)}")))


def audit(
    *,
    action: str | None = None,
    key: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Flow[AuditPage]:
    """List one page of the audit log, latest first. Pass `next` of a page as `cursor` to get the
    following one.

    `action` as in `item.delete`; `key` is the id of a key, `local`, `anonymous` or `worker`;
    `since` without a time zone is UTC. Raises `Forbidden` without the scope `admin`, `InvalidInput`
    for an invalid cursor.
    """
    params: dict[str, str | int] = {"limit": limit}
    values = {"action": action, "key": key, "since": None if since is None else since.isoformat(), "cursor": cursor}
    params |= {name: value for name, value in values.items() if value is not None}
    return parse_body((yield from Send("GET", "/v1/audit", params=params)), AuditPage)


def health() -> Flow[Health]:
    """Check that the service responds. Raises `Unavailable` if it does not."""
    return parse_body((yield from Send("GET", "/healthz")), Health)


def ready() -> Flow[Readiness]:
    """Get the readiness of the service, check by check."""
    return parse_body((yield from Send("GET", "/readyz")), Readiness, accept=frozenset({503}))
