"""Tables of who may change the library and who did: the audit log and browser sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class Audit(Table):
    """One change. Triggers refuse UPDATE and DELETE; see `indexes.catalog.audit`."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "actor", "id"), Index(None, "action", "id"), AUTOINCREMENT)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    """Id of an API key, or `local`, `anonymous`, `worker`."""
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text)
    """JSON object."""
    source: Mapped[str | None] = mapped_column(String(32), unique=True)
    """Id of the record that the row was copied from, so that a second copy is refused."""


class Session(Table):
    """A browser session, started with an API key."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the token in the cookie; the token is not stored."""
    key_id: Mapped[str] = mapped_column(String(12), index=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    """Seconds of `time.time()`."""
