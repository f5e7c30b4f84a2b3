"""Tables of saved searches, and of the items that match them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class SavedSearch(Table):
    """A search of words that is evaluated against items that become searchable."""

    __tablename__ = "saved_searches"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    query: Mapped[str] = mapped_column(Text)
    """The words and filters, as JSON."""
    band: Mapped[str] = mapped_column(String(16))
    """Least band of a match."""
    webhook_url: Mapped[str | None] = mapped_column(Text)
    webhook_secret: Mapped[str | None] = mapped_column(Text)
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    space: Mapped[str] = mapped_column(String(64))
    """Space of the publications that were evaluated last."""
    cursor: Mapped[int] = mapped_column(BigInteger)
    """Sequence number up to which the publications of the space are evaluated."""
    created_at: Mapped[datetime] = mapped_column(Utc)


class SearchMatch(Table):
    """An item that matches a saved search, and the state of its delivery to the webhook."""

    __tablename__ = "search_matches"
    __table_args__ = (Index(None, "search_pk", "item_pk", unique=True), Index(None, "delivery", "next_at"), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    search_pk: Mapped[int] = mapped_column(ForeignKey("saved_searches.pk", ondelete="CASCADE"))
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), index=True)
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    best_start: Mapped[float] = mapped_column(Double)
    """Seconds of the item, as all times of a match; of its best segment."""
    best_end: Mapped[float] = mapped_column(Double)
    score: Mapped[float] = mapped_column(Double)
    band: Mapped[str] = mapped_column(String(16))
    matched_at: Mapped[datetime] = mapped_column(Utc)
    is_read: Mapped[bool] = mapped_column(Boolean)
    delivery: Mapped[str] = mapped_column(String(16))
    """`none` without a webhook, else `waiting`, `sent` or `refused`."""
    attempts: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(Utc)
    """When it is sent again, while it waits."""
    error: Mapped[str] = mapped_column(Text)
    """Why the last attempt failed; empty if it did not."""
