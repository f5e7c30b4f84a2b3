"""When, where and with what items were taken: rows, conditions, days of the library, cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ColumnElement, exists, func, select, update

from indexes.catalog.base import CatalogMixin
from indexes.catalog.evidence import batches
from indexes.catalog.tables import Capture as CaptureTable
from indexes.catalog.tables import Item
from mm.media.types import Capture
from mm.places.names import fold_place, key_of_name, keys_of_words

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class CaptureConditions(Protocol):
    """Conditions on captures. An empty value matches any item, also one without a capture."""

    @property
    def taken_after(self) -> datetime | None: ...
    @property
    def taken_before(self) -> datetime | None: ...
    @property
    def camera(self) -> str | None: ...
    @property
    def has_place(self) -> bool | None: ...
    @property
    def place(self) -> str | None: ...


TAKEN_OR_UPLOADED: ColumnElement[Any] = func.coalesce(
    select(CaptureTable.taken_local).where(CaptureTable.item_pk == Item.pk).correlate(Item).scalar_subquery(), Item.created_at
)
"""Time on the clock where an item was taken; where it is unknown, the time of its upload, UTC."""


class CaptureRows(CatalogMixin):
    def add_capture(self, item_id: str, capture: Capture) -> bool:
        """Add what was read of an item's file. False if it was deleted or has a row already."""
        with self._database.write() as session:
            item_pk = session.scalar(select(Item.pk).where(Item.id == item_id).with_for_update())
            if item_pk is None or session.get(CaptureTable, item_pk) is not None:
                return False
            session.add(make_capture_row(item_pk, capture))
            return True

    def list_items_without_capture(self, after: str, limit: int) -> list[tuple[str, str, str]]:
        """Return id, SHA-256 and name of items whose metadata was not read, by id after `after`."""
        unread = ~exists().where(CaptureTable.item_pk == Item.pk)
        query = select(Item.id, Item.sha256, Item.name).where(Item.id > after, unread).order_by(Item.id).limit(limit)
        with self._database.read() as session:
            return list(session.execute(query).tuples())

    def list_cameras(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent cameras, make and model, with their number of items."""
        count = func.count()
        query = (
            select(CaptureTable.make, CaptureTable.model, count)
            .join(Item, Item.pk == CaptureTable.item_pk)
            .where((CaptureTable.make != "") | (CaptureTable.model != ""))
            .group_by(CaptureTable.make, CaptureTable.model)
            .order_by(count.desc(), CaptureTable.make, CaptureTable.model)
            .limit(limit)
        )
        with self._database.read() as session:
            return [(Capture(make=make, model=model).camera, items) for make, model, items in session.execute(query)]

    def list_places(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent places with their number of items."""
        count = func.count()
        query = (
            select(CaptureTable.place, count)
            .join(Item, Item.pk == CaptureTable.item_pk)
            .where(CaptureTable.place != "")
            .group_by(CaptureTable.place)
            .order_by(count.desc(), CaptureTable.place)
            .limit(limit)
        )
        with self._database.read() as session:
            return [(place or "", items) for place, items in session.execute(query)]

    def has_place_named(self, name: str) -> bool:
        """Whether the city, the region or the country of an item has this name, in any case."""
        found = exists().where(CaptureTable.item_pk == Item.pk, CaptureTable.place_key.contains(key_of_name(name)))
        with self._database.read() as session:
            return session.scalar(select(Item.pk).where(found).limit(1)) is not None

    def list_unnamed_captures(self, limit: int) -> list[tuple[int, float | None, float | None]]:
        """Return key, latitude and longitude of items without a looked-up place, latest first."""
        query = select(CaptureTable.item_pk, CaptureTable.latitude, CaptureTable.longitude)
        with self._database.read() as session:
            return list(
                session.execute(
                    query.where(CaptureTable.place.is_(None)).order_by(CaptureTable.item_pk.desc()).limit(limit)
                ).tuples()
            )

    def set_places(self, places: Mapping[int, str]) -> None:
        """Set the names of places, by the key of the item; an empty one is no name."""
        with self._database.write() as session:
            for item_pk, place in places.items():
                named = update(CaptureTable).where(CaptureTable.item_pk == item_pk)
                session.execute(named.values(place=place, place_key=fold_place(place)))


def make_capture_row(item_pk: int, capture: Capture) -> CaptureTable:
    """Build the row of an item."""
    taken, offset = capture.taken_at, None if capture.taken_at is None else capture.taken_at.utcoffset()
    return CaptureTable(
        item_pk=item_pk,
        taken_local=None if taken is None else taken.replace(tzinfo=UTC),
        taken_offset=None if offset is None else round(offset / timedelta(minutes=1)),
        make=capture.make,
        model=capture.model,
        lens=capture.lens,
        orientation=capture.orientation,
        latitude=capture.latitude,
        longitude=capture.longitude,
        altitude=capture.altitude,
    )


def read_captures(session: Session, item_pks: Sequence[int]) -> Mapping[int, Capture]:
    """Return the captures of items, by the key of the item; only of items with a row."""
    query = select(CaptureTable)
    return {
        row.item_pk: Capture(
            taken_at=_restore_time(row.taken_local, row.taken_offset),
            make=row.make,
            model=row.model,
            lens=row.lens,
            orientation=row.orientation,
            latitude=row.latitude,
            longitude=row.longitude,
            altitude=row.altitude,
        )
        for keys in batches(item_pks)
        for row in session.scalars(query.where(CaptureTable.item_pk.in_(keys)))
    }


def read_places(session: Session, item_pks: Sequence[int]) -> Mapping[int, str]:
    """Return the names of the places of items, by the key of the item; only of items with one."""
    query = select(CaptureTable.item_pk, CaptureTable.place).where(CaptureTable.place != "")
    rows = (row for keys in batches(item_pks) for row in session.execute(query.where(CaptureTable.item_pk.in_(keys))))
    return {item_pk: place for item_pk, place in rows if place}


def select_captured(filters: CaptureConditions) -> ColumnElement[bool] | None:
    """Return the condition on items that the capture filters state, None without one.

    An item without a time, camera or place matches no condition on it but `has_place` false.
    """
    conditions: list[ColumnElement[bool]] = []
    if filters.taken_after is not None:
        conditions.append(CaptureTable.taken_local >= filters.taken_after)
    if filters.taken_before is not None:
        conditions.append(CaptureTable.taken_local < filters.taken_before)
    if filters.camera:
        camera = func.lower(CaptureTable.make + " " + CaptureTable.model)
        conditions.append(camera.contains(filters.camera.lower(), autoescape=True))
    if filters.place:
        conditions += [CaptureTable.place_key.contains(key, autoescape=True) for key in keys_of_words(filters.place)]
    if filters.has_place:
        conditions.append(CaptureTable.latitude.is_not(None))
    condition = Item.pk.in_(select(CaptureTable.item_pk).where(*conditions)) if conditions else None
    if filters.has_place is not False:
        return condition
    has_none = Item.pk.not_in(select(CaptureTable.item_pk).where(CaptureTable.latitude.is_not(None)))
    return has_none if condition is None else condition & has_none


def day_of(session: Session) -> ColumnElement[Any]:
    """The day on which an item was taken, or else uploaded (UTC)."""
    if session.get_bind().dialect.name == "sqlite":
        return func.date(TAKEN_OR_UPLOADED)
    return func.date(func.timezone("UTC", TAKEN_OR_UPLOADED))


def parse_day(value: date | str) -> date:
    """A day as PostgreSQL returns it, a date, or SQLite, a text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _restore_time(local: datetime | None, offset: int | None) -> datetime | None:
    if local is None:
        return None
    return local.replace(tzinfo=None if offset is None else timezone(timedelta(minutes=offset)))
