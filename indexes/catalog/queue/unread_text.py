"""Text recognition that was deferred: images of searchable items on which it has not run yet.

Encoding spends a limited time on text recognition. The remaining images are recorded here with the
item, leased by an idle worker, and their text is added to the item later. The row of an item stays,
as its progress: how many images are done, left, and failed for which reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update

from indexes.catalog.base import CatalogMixin, add_tombstones, next_seq
from indexes.catalog.evidence import insert_evidence
from indexes.catalog.queue.transitions import OPEN_STATES, is_runnable
from indexes.catalog.records import FailedImage, LeasedText, NewEvidence, NewSegment, TextProgress, UnreadImage
from indexes.catalog.tables import Item, Job, Library, Publication, Segment, UnreadText
from indexes.catalog.tables.visibility import is_in_library
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute, Session

LOST = "the worker was lost"
"""Why an image failed whose last attempt ended with its process."""


class UnreadTextRows(CatalogMixin):
    def count_unread_images(self, space: SpaceId) -> int:
        """Count the images of searchable items on which text recognition has not run."""
        return self._sum_images(UnreadText.num_images, space)

    def count_failed_images(self, space: SpaceId) -> int:
        """Count the images of searchable items whose text could not be recognized."""
        return self._sum_images(UnreadText.num_failed, space)

    def _sum_images(self, column: InstrumentedAttribute[int], space: SpaceId) -> int:
        with self._database.read() as session:
            in_space = (UnreadText.space == str(space), is_in_library(UnreadText.item_pk))
            return int(session.execute(select(func.coalesce(func.sum(column), 0)).where(*in_space)).scalar_one())

    def has_runnable_jobs(self) -> bool:
        """Return whether any job, of an upload or of a running reindex, is open."""
        with self._database.read() as session:
            return session.scalar(select_any_runnable_job()) or False

    def has_due_text(self, space: SpaceId) -> bool:
        """Return whether text is to be read, no worker is reading any, and no job is runnable."""
        now = self._clock()
        with self._database.read() as session:
            if session.scalar(select(exists().where(UnreadText.leased_until > now))):
                return False
            if session.scalar(select_any_runnable_job()):
                return False
            return session.scalar(select(exists().where(*_is_due(space, now)))) or False

    def lease_text(self, space: SpaceId, owner: str, seconds: float, max_attempts: int) -> LeasedText | None:
        """Lease the unread text of one item and count an attempt. None if nothing is due.

        Items without a failed attempt come first. An image that was the first one of the last
        `max_attempts` leases, none of which ended with text or an interrupt, is recorded as failed.
        """
        now = self._clock()
        is_due = _is_due(space, now)
        with self._database.write() as session:
            _fail_exhausted(session, is_due, max_attempts)
            order = (UnreadText.attempts, UnreadText.item_pk)
            first = select(UnreadText.item_pk).where(*is_due).order_by(*order).limit(1).scalar_subquery()
            leased = (
                update(UnreadText)
                .where(UnreadText.item_pk == first, *is_due)
                .values(owner=owner, leased_until=now + seconds, attempts=UnreadText.attempts + 1)
                .returning(UnreadText.item_pk, UnreadText.segments, UnreadText.attempts)
            )
            row = session.execute(leased).first()
            if row is None:
                return None
            item_pk, images, attempts = row
            item = session.execute(select(Item).where(Item.pk == item_pk)).scalar_one()
            unread = _read_images(session, item_pk, str(space), images)
            return LeasedText(item.pk, item.id, item.sha256, item.name, item.kind == "image", space, unread, attempts > 1)

    def extend_text_lease(self, unread: LeasedText, owner: str, seconds: float) -> bool:
        """Extend a lease. False if it is lost, or the item was deleted."""
        extended = update(UnreadText).where(*_is_leased(unread, owner)).values(leased_until=self._clock() + seconds)
        with self._database.write() as session:
            return session.execute(extended.returning(UnreadText.item_pk)).first() is not None

    def add_text(
        self,
        unread: LeasedText,
        owner: str,
        read: Mapping[UnreadImage, Sequence[NewEvidence]],
        error: str | None = None,
        failed: Mapping[UnreadImage, str] | None = None,
    ) -> bool:
        """Add the text of the images in `read`, and end the lease.

        Images without text count as read too. New evidence is published, so that searchers load the
        item again. With an `error`, the attempt stays counted. Images in `failed` are recorded with
        the reason, and not tried again. Returns False, and changes nothing, if the lease is lost or
        the item is not searchable any more.
        """
        space, failed = str(unread.space), failed or {}
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
            by_segment: dict[int, list[NewEvidence]] = {}
            for image, pieces in read.items():
                by_segment.setdefault(image.index, []).extend(pieces)
            if added := insert_evidence(session, pk_of, by_segment):
                session.expunge(publication)
                add_tombstones(session, unread.item_pk, space)
                seq = next_seq(session)
                session.add(Publication(item_pk=unread.item_pk, space=space, seq=seq, num_evidence=num_evidence + added))
            images = _read_images(session, unread.item_pk, space, row.segments)
            _set_images(row, [image for image in images if image not in read and image not in failed])
            for image, reason in failed.items():
                _add_failed(row, image, reason)
            row.num_done += len(read)
            row.owner, row.leased_until, row.error = None, 0.0, error
            if error is None or read or failed:
                row.attempts = min(row.attempts, 1) if error else 0
            return True

    def retry_text(self) -> int:
        """Make the text of all failed images due again, in any space. Returns their number."""
        num_images = 0
        with self._database.write() as session:
            for row in session.scalars(select(UnreadText).where(UnreadText.num_failed > 0).with_for_update()):
                images = [UnreadImage(*image[:-1]) for image in json.loads(row.failed)]
                _set_images(row, [*_read_images(session, row.item_pk, row.space, row.segments), *images])
                row.failed, row.num_failed, row.attempts, row.error = "[]", 0, 0, None
                num_images += len(images)
        return num_images


def record_unread_text(session: Session, item_pk: int, space: str, segments: Sequence[NewSegment]) -> None:
    """Record the images of an item on which text recognition has run, and those that are left."""
    session.execute(delete(UnreadText).where(UnreadText.item_pk == item_pk, UnreadText.space == space))
    images = [
        UnreadImage(index, image.time, image.start, image.end)
        for index, segment in enumerate(segments)
        for image in segment.unread
    ]
    num_done = sum(segment.num_read for segment in segments)
    if images or num_done:
        row = UnreadText(item_pk=item_pk, space=space, num_done=num_done, attempts=0, owner=None, leased_until=0.0, error=None)
        row.failed, row.num_failed = "[]", 0
        _set_images(row, images)
        session.add(row)


def read_text_progress(session: Session, item_pks: Sequence[int]) -> dict[int, TextProgress]:
    """The progress of text recognition of items in the space of the library.

    Items on which it never ran, or only in an earlier version, have none.
    """
    in_space = UnreadText.space == func.coalesce(select(Library.space).scalar_subquery(), UnreadText.space)
    columns = select(UnreadText.item_pk, UnreadText.num_done, UnreadText.num_images, UnreadText.failed)
    query = columns.where(UnreadText.item_pk.in_(item_pks), in_space).order_by(UnreadText.num_images)
    return {
        item_pk: TextProgress(done, left, tuple(FailedImage(image[1], image[-1]) for image in json.loads(failed)))
        for item_pk, done, left, failed in session.execute(query).tuples()
    }


def select_any_runnable_job() -> Select[tuple[bool]]:
    """Select whether any job, of an upload or of a running reindex, is open."""
    return select(exists().where(Job.state.in_(OPEN_STATES), is_runnable()))


def _is_due(space: SpaceId, now: float) -> tuple[ColumnElement[bool], ...]:
    return (
        UnreadText.space == str(space),
        UnreadText.leased_until <= now,
        UnreadText.num_images > 0,
        is_in_library(UnreadText.item_pk),
    )


def _fail_exhausted(session: Session, is_due: tuple[ColumnElement[bool], ...], max_attempts: int) -> None:
    """Record the first image of each item whose attempts are used up as failed."""
    for row in session.scalars(select(UnreadText).where(*is_due, UnreadText.attempts >= max_attempts).with_for_update()):
        images = _read_images(session, row.item_pk, row.space, row.segments)
        for image in images[:1]:
            _add_failed(row, image, row.error or LOST)
        _set_images(row, images[1:])
        row.attempts, row.error = 0, None
    session.flush()


def _read_images(session: Session, item_pk: int, space: str, images: str) -> list[UnreadImage]:
    """The images of the column `segments`, in order; those of deleted segments are left out."""
    entries: list[int | list[float]] = json.loads(images)
    indexes = [entry if isinstance(entry, int) else int(entry[0]) for entry in entries]
    columns = select(Segment.index, Segment.start, Segment.end)
    query = columns.where(Segment.item_pk == item_pk, Segment.space == space, Segment.index.in_(indexes))
    spans = {index: (start, end) for index, start, end in session.execute(query).tuples()}
    result = []
    for index, entry in zip(indexes, entries, strict=True):
        if index in spans:
            start, end = spans[index]
            times = ((start + end) / 2, start, end) if isinstance(entry, int) else entry[1:]
            result.append(UnreadImage(index, *times))
    return result


def _set_images(row: UnreadText, images: Sequence[UnreadImage]) -> None:
    row.segments, row.num_images = json.dumps([astuple(image) for image in images]), len(images)


def _add_failed(row: UnreadText, image: UnreadImage, reason: str) -> None:
    row.failed = json.dumps([*json.loads(row.failed), [*astuple(image), reason]])
    row.num_failed += 1


def _is_leased(unread: LeasedText, owner: str) -> tuple[ColumnElement[bool], ...]:
    return UnreadText.item_pk == unread.item_pk, UnreadText.space == str(unread.space), UnreadText.owner == owner
