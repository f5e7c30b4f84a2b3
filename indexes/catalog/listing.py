"""What a page looks at: items in any order from any place on, their tags, and what is in one
item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, Select, func, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.items import item_rows, tagged
from indexes.catalog.records import BrowseFilters, ItemRow, NewEvidence, NewSegment
from indexes.catalog.tables import Evidence, Item, Segment, Tag
from mm.schemas import EvidenceKind, ItemSort

if TYPE_CHECKING:
    from mm.spaces.types import SpaceId

ORDERS: dict[ItemSort, tuple[ColumnElement[Any], ...]] = {
    "newest": (Item.pk.desc(),),
    "oldest": (Item.pk.asc(),),
    "name": (func.lower(Item.name).asc(), Item.pk.asc()),
    "longest": (Item.duration.desc(), Item.pk.desc()),
    "largest": (Item.size.desc(), Item.pk.desc()),
}
"""Each ends in the key, so that equal items stay in one order from page to page."""


class ListingRows(CatalogMixin):
    def browse_items(self, filters: BrowseFilters, sort: ItemSort, offset: int, limit: int) -> tuple[list[ItemRow], int]:
        """Up to `limit` items behind the first `offset`, and how many there are in all.

        Raises `InvalidInput` for too many tags.
        """
        query = _passing(select(Item), filters)
        with self._database.read() as session:
            total = session.execute(_passing(select(func.count()).select_from(Item), filters)).scalar_one()
            items = session.scalars(query.order_by(*ORDERS[sort]).offset(offset).limit(limit)).all()
            return item_rows(session, items), total

    def tags(self, limit: int) -> list[tuple[str, int]]:
        """The tags that most items have, and how many have each."""
        query = select(Tag.tag, func.count()).group_by(Tag.tag).order_by(func.count().desc(), Tag.tag).limit(limit)
        with self._database.read() as session:
            return list(session.execute(query).tuples())

    def item_segments(self, item_id: str, space: SpaceId, after: float, limit: int) -> list[NewSegment]:
        """Up to `limit` segments of an item that end behind `after` seconds; they and their
        evidence in order of time."""
        chosen = (
            select(Segment)
            .join(Item, Item.pk == Segment.item_pk)
            .where(Item.id == item_id, Segment.space == str(space), Segment.end > after)
        )
        return self._segments(chosen.order_by(Segment.index).limit(limit))

    def segment_at(self, item_id: str, space: SpaceId, time: float) -> NewSegment | None:
        """The segment that shows `time`, or the last that begins before it, or the first; None for
        an item without any."""
        of_item = select(Segment).join(Item, Item.pk == Segment.item_pk).where(Item.id == item_id, Segment.space == str(space))
        before = self._segments(of_item.where(Segment.start <= time).order_by(Segment.index.desc()).limit(1))
        found = before or self._segments(of_item.order_by(Segment.index).limit(1))
        return found[0] if found else None

    def _segments(self, query: Select[tuple[Segment]]) -> list[NewSegment]:
        with self._database.read() as session:
            segments = session.scalars(query).all()
            pieces: dict[int, list[NewEvidence]] = {segment.pk: [] for segment in segments}
            found = session.scalars(
                select(Evidence).where(Evidence.segment_pk.in_(pieces)).order_by(Evidence.start, Evidence.pk)
            ).all()
            for piece in found:
                pieces[piece.segment_pk].append(
                    NewEvidence(cast(EvidenceKind, piece.kind), piece.start, piece.end, piece.text, piece.shard_id, piece.row)
                )
            return [
                NewSegment(segment.start, segment.end, segment.shot, pieces[segment.pk], segment.scene) for segment in segments
            ]


def _passing(query: Select[Any], filters: BrowseFilters) -> Select[Any]:
    for condition in _conditions(filters):
        query = query.where(condition)
    return query


def _conditions(filters: BrowseFilters) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.kinds:
        conditions.append(Item.kind.in_(filters.kinds))
    if filters.tags:
        conditions.append(Item.pk.in_(tagged(filters.tags)))
    if filters.status is not None:
        conditions.append(Item.status == filters.status)
    if filters.name:
        conditions.append(func.lower(Item.name).contains(filters.name.lower(), autoescape=True))
    if filters.uploaded_after is not None:
        conditions.append(Item.created_at >= filters.uploaded_after)
    if filters.uploaded_before is not None:
        conditions.append(Item.created_at < filters.uploaded_before)
    return conditions
