"""Tables of albums: saved selections of items and of time ranges of items."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class Album(Table):
    """A named, ordered selection."""

    __tablename__ = "albums"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    note: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    """Increases with each change of the album or of its entries."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    updated_at: Mapped[datetime] = mapped_column(Utc)


class AlbumEntry(Table):
    """An item of an album, or a time range of one. Entries of items in the trash are hidden."""

    __tablename__ = "album_entries"
    __table_args__ = (
        Index(None, "album_pk", "item_pk", "start", "end", unique=True),
        Index(None, "album_pk", "position"),
        AUTOINCREMENT,
    )
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    album_pk: Mapped[int] = mapped_column(ForeignKey("albums.pk", ondelete="CASCADE"))
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), index=True)
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    """Seconds of the item; both 0 for the whole item."""
    position: Mapped[int] = mapped_column(BigInteger)
    """Place in the order of the album, with gaps."""
    is_cover: Mapped[bool] = mapped_column(Boolean)
    added_at: Mapped[datetime] = mapped_column(Utc)
