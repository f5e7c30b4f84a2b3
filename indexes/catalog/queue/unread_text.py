"""Pictures of searchable items whose text is still to be read, and the text that is added to them
later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update

from indexes.catalog.base import OPEN_STATES, CatalogMixin, add_tombstones, is_runnable, next_seq
from indexes.catalog.records import LeasedText, NewEvidence, UnreadSegment
from indexes.catalog.tables import Evidence, Item, Job, Library, Publication, Segment
from indexes.catalog.tables import UnreadText as Row
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class UnreadTextRows(CatalogMixin):
    def count_unread_images(self, space: SpaceId) -> int:
        """How many pictures of searchable items have text that was not looked for."""
        query = select(func.coalesce(func.sum(Row.pictures), 0)).where(Row.space == str(space))
        with self._database.read() as session:
            return int(session.execute(query).scalar_one())

    def has_runnable_jobs(self) -> bool:
        """Whether some job is not over and may be worked on."""
        with self._database.read() as session:
            return session.scalar(select(exists().where(Job.state.in_(OPEN_STATES), is_runnable()))) or False

    def has_due_text(self, space: SpaceId, max_attempts: int) -> bool:
        """Whether text is to be read, nobody reads any, and no job waits."""
        now = self._clock()
        with self._database.read() as session:
            if session.scalar(select(exists().where(Row.leased_until > now))):
                return False
            if session.scalar(select(exists().where(Job.state.in_(OPEN_STATES), is_runnable()))):
                return False
            return session.scalar(select(exists().where(*_due(space, now, max_attempts)))) or False

    def lease_text(self, space: SpaceId, owner: str, seconds: float, max_attempts: int) -> LeasedText | None:
        """The right to read the text of one item for so long, and one attempt counted; None where
        nothing is due.

        An item whose last `max_attempts` leases ended without `add_text` is left alone.
        """
        now = self._clock()
        with self._database.write() as session:
            first = select(Row.item_pk).where(*_due(space, now, max_attempts)).order_by(Row.item_pk).limit(1).scalar_subquery()
            leased = (
                update(Row)
                .where(Row.item_pk == first, *_due(space, now, max_attempts))
                .values(owner=owner, leased_until=now + seconds, attempts=Row.attempts + 1)
                .returning(Row.item_pk, Row.segments)
            )
            found = session.execute(leased).first()
            if found is None:
                return None
            item_pk, segments = found
            item = session.execute(select(Item).where(Item.pk == item_pk)).scalar_one()
            query = (
                select(Segment.index, Segment.start, Segment.end)
                .where(Segment.item_pk == item_pk, Segment.space == str(space), Segment.index.in_(json.loads(segments)))
                .order_by(Segment.index)
            )
            pieces = [UnreadSegment(*row) for row in session.execute(query).tuples()]
            return LeasedText(item.pk, item.id, item.sha256, item.name, item.kind == "image", space, pieces)

    def extend_text_lease(self, unread: LeasedText, owner: str, seconds: float) -> bool:
        """Prolong a lease. False if it is lost, or the item is gone."""
        values = {"leased_until": self._clock() + seconds}
        with self._database.write() as session:
            return (
                session.execute(update(Row).where(*_held(unread, owner)).values(**values).returning(Row.item_pk)).first()
                is not None
            )

    def add_text(
        self, unread: LeasedText, owner: str, read: Mapping[int, Sequence[NewEvidence]], error: str | None = None
    ) -> bool:
        """Add what was found in the segments `read`, by their index, and give the lease back, in
        one transaction.

        Segments without text count as read too. Readers load the item again where there is new
        evidence. With an `error` the attempt stays counted. False, and nothing is changed, if the
        lease is lost or the item is no longer searchable.
        """
        space = str(unread.space)
        with self._database.write() as session:
            session.execute(select(Item.pk).where(Item.pk == unread.item_pk).with_for_update())
            row = session.scalar(select(Row).where(*_held(unread, owner)).with_for_update())
            here = select(Publication).where(Publication.item_pk == unread.item_pk, Publication.space == space)
            published = session.scalar(here)
            if row is None or published is None:
                return False
            count = published.evidence
            keys = select(Segment.index, Segment.pk).where(Segment.item_pk == unread.item_pk, Segment.space == space)
            pk_of = dict(session.execute(keys).tuples().all())
            if added := _insert(session, pk_of, read):
                session.expunge(published)
                add_tombstones(session, unread.item_pk, space)
                session.add(Publication(item_pk=unread.item_pk, space=space, seq=next_seq(session), evidence=count + added))
            left = [index for index in json.loads(row.segments) if index not in read and index in pk_of]
            if not left:
                session.delete(row)
                return True
            row.segments, row.pictures = json.dumps(left), len(left)
            row.owner, row.leased_until, row.error = None, 0.0, error
            if error is None:
                row.attempts = 0
            return True


def record_unread_text(session: Session, item_pk: int, space: str, segments: Sequence[int]) -> None:
    """Write down which segments of an item that becomes searchable have a picture whose text was
    not read."""
    session.execute(delete(Row).where(Row.item_pk == item_pk, Row.space == space))
    if segments:
        session.add(
            Row(
                item_pk=item_pk,
                space=space,
                segments=json.dumps(list(segments)),
                pictures=len(segments),
                attempts=0,
                owner=None,
                leased_until=0.0,
                error=None,
            )
        )


def count_unread_by_item(session: Session, item_pks: Sequence[int]) -> dict[int, int]:
    """Pictures whose text is not read, by item, in the space of the library; items without any are
    left out."""
    here = Row.space == func.coalesce(select(Library.space).scalar_subquery(), Row.space)
    query = select(Row.item_pk, func.max(Row.pictures)).where(Row.item_pk.in_(item_pks), here).group_by(Row.item_pk)
    return dict(session.execute(query).tuples().all())


def _due(space: SpaceId, now: float, max_attempts: int) -> tuple[ColumnElement[bool], ...]:
    return Row.space == str(space), Row.leased_until <= now, Row.attempts < max_attempts


def _held(unread: LeasedText, owner: str) -> tuple[ColumnElement[bool], ...]:
    return Row.item_pk == unread.item_pk, Row.space == str(unread.space), Row.owner == owner


def _insert(session: Session, pk_of: Mapping[int, int], read: Mapping[int, Sequence[NewEvidence]]) -> int:
    """Add evidence to segments, whose keys are given by index. Returns how many pieces."""
    rows = [
        {
            "segment_pk": pk_of[index],
            "kind": piece.kind,
            "start": piece.start,
            "end": piece.end,
            "text": piece.text,
            "shard_id": piece.shard_id,
            "row": piece.row,
        }
        for index, pieces in read.items()
        if index in pk_of
        for piece in pieces
    ]
    if rows:
        session.execute(insert(Evidence), rows)
    return len(rows)
