"""The audit log: who changed what. Triggers of the database refuse to change or delete rows.

A change of the catalog and its audit row are written in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from indexes.catalog.base import CatalogMixin
from indexes.catalog.cursors import format_cursor, parse_cursor
from indexes.catalog.tables import Audit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAX_SUBJECT = 200
MAX_TEXT = 200
MAX_VALUES = 20
"""Limits of the subject, of a text and of a list in the detail. Longer values are truncated, which
keeps a row below 64 KB."""

AuditValue = str | int | float | bool | None | Sequence[str]
AuditDetail = Mapping[str, AuditValue]


@dataclass(frozen=True, slots=True)
class Actor:
    """The client or component that makes a change."""

    name: str
    """Id of an API key; without a key `local` on this machine and `anonymous` from another;
    `worker` for background work."""
    address: str = ""
    request_id: str | None = None


LOCAL = Actor("local")
WORKER = Actor("worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAudit:
    """An audit row of a change that is not made in the catalog."""

    action: str
    subject: str = ""
    detail: AuditDetail
    at: datetime | None = None
    """Time of the change; None is now."""
    source: str | None = None
    """Random id of a record that is copied, so that a second copy is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """A stored audit row."""

    id: int
    at: datetime
    actor: str
    address: str
    request_id: str | None
    action: str
    subject: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Conditions of a list of audit rows. None matches any."""

    action: str | None = None
    actor: str | None = None
    since: datetime | None = None


class AuditRows(CatalogMixin):
    def record_audit(self, by: Actor, new: NewAudit) -> bool:
        """Add a row. False if its `source` was copied before."""
        try:
            with self._database.write() as session:
                if new.source is not None and session.scalar(select(Audit.id).where(Audit.source == new.source)) is not None:
                    return False
                add_audit(session, new.at or self._now(), by, new.action, new.subject, new.detail, new.source)
        except IntegrityError:  # PostgreSQL: another transaction copied it at the same time
            if new.source is None:
                raise
            return False
        return True

    def list_audit(self, filters: AuditFilters, limit: int, cursor: str | None = None) -> tuple[list[AuditRow], str | None]:
        """Return up to `limit` rows, latest first, and the cursor of the next page.

        The cursor is None on the last page. Raises `InvalidInput` for a malformed cursor.
        """
        query = select(Audit).order_by(Audit.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(Audit.id < parse_cursor(cursor))
        if filters.action is not None:
            query = query.where(Audit.action == filters.action)
        if filters.actor is not None:
            query = query.where(Audit.actor == filters.actor)
        if filters.since is not None:
            query = query.where(Audit.at >= filters.since)
        with self._database.read() as session:
            rows = [_audit_row(row) for row in session.scalars(query)]
        return rows[:limit], format_cursor(rows[limit - 1].id) if len(rows) > limit else None


def add_audit(
    session: Session,
    at: datetime,
    by: Actor,
    action: str,
    subject: str,
    detail: AuditDetail,
    source: str | None = None,
) -> None:
    """Add a row in the transaction of the change that it records."""
    session.add(
        Audit(
            at=at,
            actor=by.name,
            address=by.address[:64],
            request_id=by.request_id,
            action=action,
            subject=subject.replace("\0", "")[:MAX_SUBJECT],  # PostgreSQL cannot store NUL
            detail=json.dumps({name: _truncate(value) for name, value in detail.items()}),
            source=source,
        )
    )


def _truncate(value: AuditValue) -> AuditValue:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, Sequence):
        return [text[:MAX_TEXT] for text in value[:MAX_VALUES]]
    return value


def _audit_row(row: Audit) -> AuditRow:
    return AuditRow(
        id=row.id,
        at=row.at,
        actor=row.actor,
        address=row.address,
        request_id=row.request_id,
        action=row.action,
        subject=row.subject,
        detail=json.loads(row.detail),
    )
