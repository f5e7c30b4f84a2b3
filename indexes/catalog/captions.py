"""Captions of items: read by item, and beside items and evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ScalarSelect, func, or_, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.records import CaptionRow
from indexes.catalog.tables import Caption, Item, Library, Segment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId


class CaptionRows(CatalogMixin):
    def list_captions(self, item_id: str, space: SpaceId) -> list[CaptionRow]:
        """Return the current captions of an item in a space, in the order of time."""
        query = (
            select(Caption)
            .join(Item, Item.pk == Caption.item_pk)
            .where(Item.id == item_id, Caption.space == str(space), Caption.is_current)
            .order_by(Caption.start)
        )
        with self._database.read() as session:
            return [caption_row(caption) for caption in session.scalars(query)]


def caption_row(caption: Caption) -> CaptionRow:
    return CaptionRow(caption.start, caption.end, caption.frame_time, caption.text, caption.model)


def read_first_captions(session: Session, item_pks: Sequence[int]) -> dict[int, str]:
    """The first caption of items in the space of the library; only items that have any."""
    in_space = Caption.space == func.coalesce(select(Library.space).scalar_subquery(), Caption.space)
    query = select(Caption.item_pk, Caption.text).where(Caption.item_pk.in_(item_pks), in_space, Caption.is_current)
    latest_first = query.order_by(Caption.start.desc(), Caption.pk)
    return dict(session.execute(latest_first).tuples().all())


def select_caption_of_segment() -> ScalarSelect[str]:
    """Subquery of a query of segments: the current caption at the start of the segment."""
    return (
        select(Caption.text)
        .where(
            Caption.item_pk == Segment.item_pk,
            Caption.space == Segment.space,
            Caption.is_current,
            Caption.start <= Segment.start,
            or_(Caption.end > Segment.start, Caption.end == Caption.start),
        )
        .limit(1)
        .correlate(Segment)
        .scalar_subquery()
    )
