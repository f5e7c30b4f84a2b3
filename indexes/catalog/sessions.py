"""Browser sessions: a random token in a cookie, bound to an API key.

Only the SHA-256 of the token is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from indexes.catalog.audit import Actor, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.tables import Session

TOKEN_BYTES = 32
ID_BYTES = 6
MAX_SESSIONS = 100
"""Sessions of one key; a further sign-in ends the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session without its token."""

    id: str
    key_id: str
    created_at: datetime
    expires_at: float
    """Seconds of `time.time()`."""


class SessionRows(CatalogMixin):
    def start_session(self, key_id: str, seconds: float, by: Actor) -> tuple[SessionRow, str]:
        """Start a session of a key. Returns it and its token.

        Deletes expired sessions, and the oldest of the key beyond `MAX_SESSIONS`.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._now()
        started = Session(
            id=secrets.token_hex(ID_BYTES),
            sha256=_hash(token),
            key_id=key_id,
            created_at=now,
            expires_at=now.timestamp() + seconds,
        )
        with self._database.write() as session:
            session.execute(delete(Session).where(Session.expires_at <= now.timestamp()))
            oldest_first = select(Session.id).where(Session.key_id == key_id).order_by(Session.created_at.desc())
            session.execute(delete(Session).where(Session.id.in_(session.scalars(oldest_first.offset(MAX_SESSIONS - 1)).all())))
            session.add(started)
            add_audit(session, now, by, "session.start", started.id, {"key": key_id, "expires_at": started.expires_at})
        return _session_row(started), token

    def find_session(self, token: str) -> SessionRow | None:
        """Return the session of a token; None if it is unknown, ended or expired."""
        with self._database.read() as session:
            row = session.scalar(select(Session).where(Session.sha256 == _hash(token)))
            return None if row is None or row.expires_at <= self._clock() else _session_row(row)

    def list_sessions(self) -> list[SessionRow]:
        """Return the sessions that have not expired, latest first."""
        query = select(Session).where(Session.expires_at > self._clock()).order_by(Session.created_at.desc(), Session.id)
        with self._database.read() as session:
            return [_session_row(row) for row in session.scalars(query)]

    def end_session(self, session_id: str, by: Actor) -> bool:
        """End a session. False if there is no such session."""
        with self._database.write() as session:
            key_id = session.execute(delete(Session).where(Session.id == session_id).returning(Session.key_id)).scalar()
            if key_id is not None:
                add_audit(session, self._now(), by, "session.end", session_id, {"key": key_id})
            return key_id is not None

    def end_sessions(self, key_ids: Collection[str], by: Actor) -> int:
        """End all sessions of some keys. Returns how many."""
        with self._database.write() as session:
            deleted = delete(Session).where(Session.key_id.in_(key_ids)).returning(Session.id, Session.key_id)
            ended = session.execute(deleted).tuples().all()
            for session_id, key_id in ended:
                add_audit(session, self._now(), by, "session.end", session_id, {"key": key_id})
            return len(ended)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _session_row(row: Session) -> SessionRow:
    return SessionRow(id=row.id, key_id=row.key_id, created_at=row.created_at, expires_at=row.expires_at)
