"""Captions of items: read by item, and beside items and evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.records import CaptionRow
from indexes.catalog.tables import Caption, Item, Library, Segment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mm.spaces.types import SpaceId


class CaptionRows(CatalogMixin):
    def list_captions(self, item_id: str, space: SpaceId) -> list[CaptionRow]:
        """Return the captions of an item in a space that are shown, in the order of time."""
        query = select(Caption).join(Item, Item.pk == Caption.item_pk).where(Item.id == item_id, Caption.space == str(space))
        with self._database.read() as session:
            return [caption_row(caption) for caption in session.scalars(query.where(*is_shown()).order_by(Caption.start))]

    def count_hidden_captions(self, item_id: str, space: SpaceId) -> int:
        """Count the current captions of an item whose confidence is too low to be shown."""
        of_item = (Item.id == item_id, Caption.space == str(space), Caption.is_current)
        query = select(func.count()).select_from(Caption).join(Item, Item.pk == Caption.item_pk)
        with self._database.read() as session:
            return session.execute(query.where(*of_item, Caption.confidence < _least_confidence())).scalar_one()


def is_shown() -> tuple[ColumnElement[bool], ...]:
    """Conditions on a caption that is shown and searched."""
    return Caption.is_current.is_(True), Caption.confidence >= _least_confidence()


def _least_confidence() -> ScalarSelect[float]:
    return select(Library.caption_confidence).scalar_subquery()


def caption_row(caption: Caption) -> CaptionRow:
    return CaptionRow(caption.start, caption.end, caption.frame_time, caption.text, caption.model, caption.confidence)


def read_first_captions(session: Session, item_pks: Sequence[int]) -> dict[int, str]:
    """The first caption of items in the space of the library; only items that have any."""
    in_space = Caption.space == func.coalesce(select(Library.space).scalar_subquery(), Caption.space)
    query = select(Caption.item_pk, Caption.text).where(Caption.item_pk.in_(item_pks), in_space, *is_shown())
    latest_first = query.order_by(Caption.start.desc(), Caption.pk)
    return dict(session.execute(latest_first).tuples().all())


def select_caption_of_segment() -> ScalarSelect[str]:
    """Subquery of a query of segments: the caption that is shown at the start of the segment."""
    return (
        select(Caption.text)
        .where(
            Caption.item_pk == Segment.item_pk,
            Caption.space == Segment.space,
            *is_shown(),
            Caption.start <= Segment.start,
            or_(Caption.end > Segment.start, Caption.end == Caption.start),
        )
        .limit(1)
        .correlate(Segment)
        .scalar_subquery()
    )
