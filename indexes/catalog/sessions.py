"""Sessions of browsers: a random token in a cookie, bound to the API key it was made with. Only its
SHA-256 is stored."""

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
"""Of one key; a sign-in beyond them ends the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session, without its token."""

    id: str
    key_id: str
    created_at: datetime
    expires_at: float
    """Seconds of `time.time()`."""


class SessionRows(CatalogMixin):
    def start_session(self, key_id: str, seconds: float, by: Actor) -> tuple[SessionRow, str]:
        """A new session of a key, and its token. Removes those that expired, and the oldest of the
        key beyond `MAX_SESSIONS`."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._now()
        made = Session(
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
            session.add(made)
            add_audit(session, now, by, "session.start", made.id, {"key": key_id, "expires_at": made.expires_at})
        return _session_row(made), token

    def find_session(self, token: str) -> SessionRow | None:
        """The session of a token; None for one that is unknown, ended or expired."""
        with self._database.read() as session:
            row = session.scalar(select(Session).where(Session.sha256 == _hash(token)))
            return None if row is None or row.expires_at <= self._clock() else _session_row(row)

    def list_sessions(self) -> list[SessionRow]:
        """Those that have not expired, the latest first."""
        query = select(Session).where(Session.expires_at > self._clock()).order_by(Session.created_at.desc(), Session.id)
        with self._database.read() as session:
            return [_session_row(row) for row in session.scalars(query)]

    def end_session(self, session_id: str, by: Actor) -> bool:
        """End a session. False if there is none."""
        with self._database.write() as session:
            gone = session.execute(delete(Session).where(Session.id == session_id).returning(Session.key_id)).scalar()
            if gone is not None:
                add_audit(session, self._now(), by, "session.end", session_id, {"key": gone})
            return gone is not None

    def end_sessions(self, key_ids: Collection[str], by: Actor) -> int:
        """End all sessions of keys, as when they are revoked. Returns how many."""
        with self._database.write() as session:
            gone = delete(Session).where(Session.key_id.in_(key_ids)).returning(Session.id, Session.key_id)
            ended = session.execute(gone).tuples().all()
            for session_id, key_id in ended:
                add_audit(session, self._now(), by, "session.end", session_id, {"key": key_id})
            return len(ended)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _session_row(row: Session) -> SessionRow:
    return SessionRow(id=row.id, key_id=row.key_id, created_at=row.created_at, expires_at=row.expires_at)
