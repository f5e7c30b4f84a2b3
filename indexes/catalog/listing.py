"""Lists for browsing: items in any order, tags, and the segments of an item."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, Select, func, literal, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.captions import select_caption_of_segment
from indexes.catalog.captures import TAKEN_OR_UPLOADED, day_of, parse_day, select_captured
from indexes.catalog.curation.albums import select_in_album
from indexes.catalog.evidence import select_spoken
from indexes.catalog.items import item_rows, select_tagged
from indexes.catalog.records import BrowseFilters, ItemRow, NewEvidence, NewSegment
from indexes.catalog.tables import Evidence, Item, Segment, Tag
from mm.schemas import EvidenceKind, ItemSort

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId

ORDERS: dict[ItemSort, tuple[ColumnElement[Any], ...]] = {
    "newest": (Item.pk.desc(),),
    "oldest": (Item.pk.asc(),),
    "name": (func.lower(Item.name).asc(), Item.pk.asc()),
    "longest": (Item.duration.desc(), Item.pk.desc()),
    "largest": (Item.size.desc(), Item.pk.desc()),
    "taken": (TAKEN_OR_UPLOADED.desc(), Item.pk.desc()),
    "taken-oldest": (TAKEN_OR_UPLOADED.asc(), Item.pk.asc()),
    "favourite": (Item.favourite.desc(), Item.pk.desc()),
}
"""Each order ends in the key, so that equal items keep their order from page to page."""

MIN_NAME_CHARS = 3


class ListingRows(CatalogMixin):
    def browse_items(self, filters: BrowseFilters, sort: ItemSort, offset: int, limit: int) -> tuple[list[ItemRow], int]:
        """Return up to `limit` items after the first `offset`, and the number of all matches.

        Raises `InvalidInput` for too many tags, `NotFound` for an unknown album.
        """
        with self._database.read() as session:
            query = _apply_filters(session, select(Item), filters)
            total = session.execute(_apply_filters(session, select(func.count()).select_from(Item), filters)).scalar_one()
            items = session.scalars(query.order_by(*ORDERS[sort]).offset(offset).limit(limit)).all()
            return item_rows(session, items), total

    def list_days(self, filters: BrowseFilters) -> list[tuple[date, int]]:
        """Return the days on which items were taken, latest first, with their number of items.

        Of an item whose time is unknown, the day of its upload (UTC). In the order of the sort
        `taken`. Raises as `browse_items`.
        """
        with self._database.read() as session:
            day = day_of(session).label("day")
            counted = _apply_filters(session, select(day, func.count()).select_from(Item), filters)
            query = counted.group_by(day).order_by(day.desc())
            return [(parse_day(value), items) for value, items in session.execute(query)]

    def find_items_named_in(self, text: str, limit: int) -> list[ItemRow]:
        """Return up to `limit` items whose names are words of a text, in any case, longest first.

        A name of fewer than `MIN_NAME_CHARS` characters is not looked for.
        """
        lower = text.lower()
        contains = literal(lower).contains(func.lower(Item.name))
        query = select(Item).where(func.length(Item.name) >= MIN_NAME_CHARS, contains)
        with self._database.read() as session:
            items = session.scalars(query.order_by(func.length(Item.name).desc(), Item.pk)).all()
            # The SQL condition also matches parts of words, and % and _ of a name match any text.
            named = [item for item in items if re.search(rf"(?<!\w){re.escape(item.name.lower())}(?!\w)", lower)]
            return item_rows(session, named[:limit])

    def list_tags(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent tags with their number of items."""
        query = (
            select(Tag.tag, func.count())
            .join(Item, Item.pk == Tag.item_pk)
            .group_by(Tag.tag)
            .order_by(func.count().desc(), Tag.tag)
            .limit(limit)
        )
        with self._database.read() as session:
            return list(session.execute(query).tuples())

    def list_segments(self, item_id: str, space: SpaceId, after: float, limit: int) -> list[NewSegment]:
        """Return up to `limit` segments of an item that end after `after` seconds, in order."""
        query = (
            select(Segment)
            .join(Item, Item.pk == Segment.item_pk)
            .where(Item.id == item_id, Segment.space == str(space), Segment.end > after)
        )
        return self._read_segments(query.order_by(Segment.index).limit(limit))

    def list_scene_starts(self, item_id: str, space: SpaceId) -> list[float]:
        """Return where each scene of an item starts, in order; none where scenes are unknown."""
        query = (
            select(Segment.scene_start)
            .distinct()
            .join(Item, Item.pk == Segment.item_pk)
            .where(Item.id == item_id, Segment.space == str(space), Segment.scene_start.is_not(None))
        )
        with self._database.read() as session:
            return [start for start in session.scalars(query.order_by(Segment.scene_start)) if start is not None]

    def get_segment_at(self, item_id: str, space: SpaceId, time: float) -> NewSegment | None:
        """Return the last segment that starts at or before `time`, else the first, else None."""
        of_item = select(Segment).join(Item, Item.pk == Segment.item_pk).where(Item.id == item_id, Segment.space == str(space))
        segments = self._read_segments(of_item.where(Segment.start <= time).order_by(Segment.index.desc()).limit(1))
        segments = segments or self._read_segments(of_item.order_by(Segment.index).limit(1))
        return segments[0] if segments else None

    def _read_segments(self, query: Select[tuple[Segment]]) -> list[NewSegment]:
        with self._database.read() as session:
            rows = session.execute(query.add_columns(select_caption_of_segment())).tuples().all()
            segments = [segment for segment, _ in rows]
            evidence: dict[int, list[NewEvidence]] = {segment.pk: [] for segment in segments}
            pieces = select(Evidence).where(Evidence.segment_pk.in_(evidence)).order_by(Evidence.start, Evidence.pk)
            for row in session.scalars(pieces).all():
                evidence[row.segment_pk].append(
                    NewEvidence(cast(EvidenceKind, row.kind), row.start, row.end, row.text, row.shard_id, row.row, row.language)
                )
            return [
                NewSegment(segment.start, segment.end, segment.shot, evidence[segment.pk], segment.scene, caption=caption)
                for segment, caption in rows
            ]


def _apply_filters(session: Session, query: Select[Any], filters: BrowseFilters) -> Select[Any]:
    for condition in _conditions(filters):
        query = query.where(condition)
    return query.where(Item.pk.in_(select_in_album(session, filters.album))) if filters.album else query


def _conditions(filters: BrowseFilters) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.kinds:
        conditions.append(Item.kind.in_(filters.kinds))
    if filters.tags:
        conditions.append(Item.pk.in_(select_tagged(filters.tags)))
    if filters.status is not None:
        conditions.append(Item.status == filters.status)
    if filters.favourite is not None:
        conditions.append(Item.favourite.is_(filters.favourite))
    if filters.name:
        conditions.append(func.lower(Item.name).contains(filters.name.lower(), autoescape=True))
    if filters.uploaded_after is not None:
        conditions.append(Item.created_at >= filters.uploaded_after)
    if filters.uploaded_before is not None:
        conditions.append(Item.created_at < filters.uploaded_before)
    if filters.language:
        conditions.append(select_spoken(filters.language))
    if (captured := select_captured(filters)) is not None:
        conditions.append(captured)
    return conditions
