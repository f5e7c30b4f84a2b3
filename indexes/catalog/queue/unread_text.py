"""Text recognition that was deferred: images of searchable items on which it has not run yet.

Encoding spends a limited time on text recognition. The remaining images are recorded here with the
item, leased by an idle worker, and their text is added to the item later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update

from indexes.catalog.base import CatalogMixin, add_tombstones, next_seq
from indexes.catalog.evidence import insert_evidence
from indexes.catalog.queue.transitions import OPEN_STATES, is_runnable
from indexes.catalog.records import LeasedText, NewEvidence, UnreadSegment
from indexes.catalog.tables import Item, Job, Library, Publication, Segment, UnreadText
from indexes.catalog.tables.visibility import is_in_library
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class UnreadTextRows(CatalogMixin):
    def count_unread_images(self, space: SpaceId) -> int:
        """Count the images of searchable items on which text recognition has not run."""
        in_space = (UnreadText.space == str(space), is_in_library(UnreadText.item_pk))
        query = select(func.coalesce(func.sum(UnreadText.num_images), 0)).where(*in_space)
        with self._database.read() as session:
            return int(session.execute(query).scalar_one())

    def has_runnable_jobs(self) -> bool:
        """Return whether any job, of an upload or of a running reindex, is open."""
        with self._database.read() as session:
            return session.scalar(select_any_runnable_job()) or False

    def has_due_text(self, space: SpaceId, max_attempts: int) -> bool:
        """Return whether text is to be read, no worker is reading any, and no job is runnable."""
        now = self._clock()
        with self._database.read() as session:
            if session.scalar(select(exists().where(UnreadText.leased_until > now))):
                return False
            if session.scalar(select_any_runnable_job()):
                return False
            return session.scalar(select(exists().where(*_is_due(space, now, max_attempts)))) or False

    def lease_text(self, space: SpaceId, owner: str, seconds: float, max_attempts: int) -> LeasedText | None:
        """Lease the unread text of one item and count an attempt. None if nothing is due.

        An item whose last `max_attempts` leases ended without `add_text` is not leased.
        """
        now = self._clock()
        is_due = _is_due(space, now, max_attempts)
        with self._database.write() as session:
            first = select(UnreadText.item_pk).where(*is_due).order_by(UnreadText.item_pk).limit(1).scalar_subquery()
            leased = (
                update(UnreadText)
                .where(UnreadText.item_pk == first, *is_due)
                .values(owner=owner, leased_until=now + seconds, attempts=UnreadText.attempts + 1)
                .returning(UnreadText.item_pk, UnreadText.segments)
            )
            row = session.execute(leased).first()
            if row is None:
                return None
            item_pk, indexes = row
            item = session.execute(select(Item).where(Item.pk == item_pk)).scalar_one()
            query = (
                select(Segment.index, Segment.start, Segment.end)
                .where(Segment.item_pk == item_pk, Segment.space == str(space), Segment.index.in_(json.loads(indexes)))
                .order_by(Segment.index)
            )
            segments = [UnreadSegment(*segment) for segment in session.execute(query).tuples()]
            return LeasedText(item.pk, item.id, item.sha256, item.name, item.kind == "image", space, segments)

    def extend_text_lease(self, unread: LeasedText, owner: str, seconds: float) -> bool:
        """Extend a lease. False if it is lost, or the item was deleted."""
        extended = update(UnreadText).where(*_is_leased(unread, owner)).values(leased_until=self._clock() + seconds)
        with self._database.write() as session:
            return session.execute(extended.returning(UnreadText.item_pk)).first() is not None

    def add_text(
        self, unread: LeasedText, owner: str, read: Mapping[int, Sequence[NewEvidence]], error: str | None = None
    ) -> bool:
        """Add the text of the segments in `read`, by their index, and end the lease.

        Segments without text count as read too. New evidence is published, so that searchers load
        the item again. With an `error`, the attempt stays counted. Returns False, and changes
        nothing, if the lease is lost or the item is not searchable any more.
        """
        space = str(unread.space)
        with self._database.write() as session:
            session.execute(select(Item.pk).where(Item.pk == unread.item_pk).with_for_update())
            row = session.scalar(select(UnreadText).where(*_is_leased(unread, owner)).with_for_update())
            published = select(Publication).where(Publication.item_pk == unread.item_pk, Publication.space == space)
            publication = session.scalar(published)
            if row is None or publication is None:
                return False
            num_evidence = publication.num_evidence
            keys = select(Segment.index, Segment.pk).where(Segment.item_pk == unread.item_pk, Segment.space == space)
            pk_of = dict(session.execute(keys).tuples().all())
            if added := insert_evidence(session, pk_of, read):
                session.expunge(publication)
                add_tombstones(session, unread.item_pk, space)
                seq = next_seq(session)
                session.add(Publication(item_pk=unread.item_pk, space=space, seq=seq, num_evidence=num_evidence + added))
            left = [index for index in json.loads(row.segments) if index not in read and index in pk_of]
            if not left:
                session.delete(row)
                return True
            row.segments, row.num_images = json.dumps(left), len(left)
            row.owner, row.leased_until, row.error = None, 0.0, error
            if error is None:
                row.attempts = 0
            return True


def record_unread_text(session: Session, item_pk: int, space: str, segments: Sequence[int]) -> None:
    """Record the segments of an item on whose images text recognition has not run."""
    session.execute(delete(UnreadText).where(UnreadText.item_pk == item_pk, UnreadText.space == space))
    if segments:
        session.add(
            UnreadText(
                item_pk=item_pk,
                space=space,
                segments=json.dumps(list(segments)),
                num_images=len(segments),
                attempts=0,
                owner=None,
                leased_until=0.0,
                error=None,
            )
        )


def count_unread_by_item(session: Session, item_pks: Sequence[int]) -> dict[int, int]:
    """Count the unread images of items in the space of the library; only items with any."""
    in_space = UnreadText.space == func.coalesce(select(Library.space).scalar_subquery(), UnreadText.space)
    query = select(UnreadText.item_pk, func.max(UnreadText.num_images)).where(UnreadText.item_pk.in_(item_pks), in_space)
    return dict(session.execute(query.group_by(UnreadText.item_pk)).tuples().all())


def select_any_runnable_job() -> Select[tuple[bool]]:
    """Select whether any job, of an upload or of a running reindex, is open."""
    return select(exists().where(Job.state.in_(OPEN_STATES), is_runnable()))


def _is_due(space: SpaceId, now: float, max_attempts: int) -> tuple[ColumnElement[bool], ...]:
    due = (UnreadText.space == str(space), UnreadText.leased_until <= now, UnreadText.attempts < max_attempts)
    return *due, is_in_library(UnreadText.item_pk)


def _is_leased(unread: LeasedText, owner: str) -> tuple[ColumnElement[bool], ...]:
    return UnreadText.item_pk == unread.item_pk, UnreadText.space == str(unread.space), UnreadText.owner == owner
