"""Captions that are still to be written: searchable images, and scenes of searchable videos.

An item is recorded here when it becomes searchable, leased by an idle worker, and its captions are
added in batches, from its first segment on. Captions of another model version, and those of a space
that the library was reindexed from, stay as history and are used again where they fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from indexes.catalog.base import CatalogMixin, add_tombstones, mark_released, next_seq
from indexes.catalog.captions import caption_row
from indexes.catalog.evidence import insert_evidence
from indexes.catalog.queue.unread_text import select_any_runnable_job
from indexes.catalog.records import CaptionScene, LeasedCaptions, NewCaption
from indexes.catalog.tables import Caption, Evidence, Item, Library, Publication, Segment, Uncaptioned
from indexes.catalog.tables.visibility import is_in_library
from mm.spaces.encode.captions import find_captioned_segment
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

KIND = "caption"
CAPTIONED_KINDS = ("image", "video")
"""Kinds of items that have captions."""


class UncaptionedRows(CatalogMixin):
    def set_caption_model(self, model: str, least_confidence: float = 0.0) -> None:
        """Set the version of the model that writes captions, and from which confidence on captions
        are shown and searched.

        If either was another one, the captions of all searchable images and videos are due again;
        those that the same model wrote are then used again.
        """
        current = (model, least_confidence)
        with self._database.read() as session:
            if session.execute(select(Library.caption_model, Library.caption_confidence)).tuples().one() == current:
                return
        with self._database.write() as session:
            if session.execute(select(Library.caption_model)).scalar_one() is not None:
                session.execute(delete(Uncaptioned))
                dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
                zero = literal(0)
                published = select(Publication.item_pk, Publication.space, zero, zero, literal(0.0))
                captioned = published.join(Item, Item.pk == Publication.item_pk).where(Item.kind.in_(CAPTIONED_KINDS))
                columns = ("item_pk", "space", "next_segment", "attempts", "leased_until")
                due = dialect.insert(Uncaptioned).from_select(columns, captioned)
                session.execute(due.on_conflict_do_nothing())  # another worker may have the same new model
            session.execute(update(Library).values(caption_model=model, caption_confidence=least_confidence))

    def count_uncaptioned_items(self, space: SpaceId) -> int:
        """Count the searchable items whose captions are not all written."""
        with self._database.read() as session:
            return session.execute(select(func.count()).where(Uncaptioned.space == str(space))).scalar_one()

    def has_due_captions(self, space: SpaceId, max_attempts: int, *, reuse_only: bool = False) -> bool:
        """Return whether captions are due, no worker is writing any, and no job is runnable.

        With `reuse_only`, only items count that have captions of the current model in any space.
        """
        now = self._clock()
        with self._database.read() as session:
            if session.scalar(select(exists().where(Uncaptioned.leased_until > now))):
                return False
            if session.scalar(select_any_runnable_job()):
                return False
            return session.scalar(select(exists().where(*_is_due(space, now, max_attempts, reuse_only)))) or False

    def lease_captions(
        self, space: SpaceId, owner: str, seconds: float, max_attempts: int, max_items: int = 1, *, reuse_only: bool = False
    ) -> list[LeasedCaptions]:
        """Lease up to `max_items` items whose captions are due, and count an attempt for each.

        An item whose last attempt failed is leased alone, after all others, so that an item that
        ends each worker does not use up the attempts of other items. An item whose last
        `max_attempts` leases ended without `add_captions` is not leased.
        """
        now = self._clock()
        is_due = _is_due(space, now, max_attempts, reuse_only)
        due = select(Uncaptioned.item_pk).where(*is_due)
        first = due.where(Uncaptioned.attempts == 0).order_by(Uncaptioned.item_pk).limit(max_items)
        failed = due.order_by(Uncaptioned.attempts, Uncaptioned.item_pk).limit(1)
        with self._database.write() as session:
            item_pks = session.scalars(first).all() or session.scalars(failed).all()
            leased = (
                update(Uncaptioned)
                .where(Uncaptioned.item_pk.in_(item_pks), *is_due)
                .values(owner=owner, leased_until=now + seconds, attempts=Uncaptioned.attempts + 1)
                .returning(Uncaptioned.item_pk, Uncaptioned.next_segment)
            )
            rows = sorted(session.execute(leased).tuples().all())
            return [_read_leased(session, item_pk, space, next_segment) for item_pk, next_segment in rows]

    def extend_caption_lease(self, leased: LeasedCaptions, owner: str, seconds: float) -> bool:
        """Extend a lease. False if it is lost, or the item was deleted."""
        extended = update(Uncaptioned).where(*_is_leased(leased, owner)).values(leased_until=self._clock() + seconds)
        with self._database.write() as session:
            return session.execute(extended.returning(Uncaptioned.item_pk)).first() is not None

    def add_captions(
        self,
        leased: LeasedCaptions,
        owner: str,
        captions: Sequence[NewCaption],
        next_segment: int | None,
        error: str | None = None,
    ) -> bool:
        """Add captions of scenes of a leased item, with their evidence, and end the lease.

        They replace earlier captions of the same segments. `next_segment` is the index of the
        segment from which captions are missing; None if none is. With an `error`, the attempt stays
        counted. Returns False, and changes nothing, if the lease is lost or the item is not
        searchable any more.
        """
        space = str(leased.space)
        with self._database.write() as session:
            session.execute(select(Item.pk).where(Item.pk == leased.item_pk).with_for_update())
            row = session.scalar(select(Uncaptioned).where(*_is_leased(leased, owner)).with_for_update())
            published = select(Publication).where(Publication.item_pk == leased.item_pk, Publication.space == space)
            publication = session.scalar(published)
            if row is None or publication is None:
                return False
            if next_segment is None:
                session.delete(row)
            else:
                row.next_segment, row.owner, row.leased_until, row.error = next_segment, None, 0.0, error
                row.attempts = 0 if error is None else row.attempts
            if captions:
                num_evidence = publication.num_evidence
                session.expunge(publication)
                added, released = self._replace_captions(session, leased, captions)
                add_tombstones(session, leased.item_pk, space)
                seq = next_seq(session)
                session.add(Publication(item_pk=leased.item_pk, space=space, seq=seq, num_evidence=num_evidence + added))
                mark_released(session, released)
            return True

    def _replace_captions(self, session: Session, leased: LeasedCaptions, captions: Sequence[NewCaption]) -> tuple[int, set[str]]:
        """Store captions and their evidence.

        Returns by how much the number of rows of evidence grew, and the shards of replaced ones.
        """
        of_item = (Caption.item_pk == leased.item_pk, Caption.space == str(leased.space))
        keys = select(Segment.index, Segment.pk).where(Segment.item_pk == leased.item_pk, Segment.space == str(leased.space))
        pk_of = dict(session.execute(keys).tuples().all())
        segment_pks = [pk_of[index] for caption in captions for index in caption.segments if index in pk_of]
        replaced = delete(Evidence).where(Evidence.segment_pk.in_(segment_pks), Evidence.kind == KIND)
        shards = session.scalars(replaced.returning(Evidence.shard_id)).all()
        for caption in captions:
            overlaps = (Caption.start <= caption.end, Caption.end >= caption.start) if leased.is_image else (
                Caption.start < caption.end, Caption.end > caption.start,
            )  # fmt: skip
            session.execute(update(Caption).where(*of_item, *overlaps).values(is_current=False))
            same = (Caption.model == caption.model, Caption.start == caption.start, Caption.end == caption.end)
            values = {
                "text": caption.text,
                "frame_time": caption.frame_time,
                "confidence": caption.confidence,
                "is_current": True,
            }
            updated = update(Caption).where(*of_item, *same).values(**values).returning(Caption.pk)
            if session.execute(updated).first() is None:
                times = {"start": caption.start, "end": caption.end, "created_at": self._now()}
                key = {"item_pk": leased.item_pk, "space": str(leased.space), "model": caption.model}
                session.execute(insert(Caption).values(**key, **times, **values))
        searched = [(caption.segments, caption.evidence) for caption in captions if caption.evidence is not None]
        evidence = {index: [piece] for segments, piece in searched for index in segments}
        return insert_evidence(session, pk_of, evidence) - len(shards), set(shards)


def record_uncaptioned(session: Session, item_pk: int, space: str, *, has_image: bool) -> None:
    """Record that the captions of an item whose segments were replaced are due, if it `has_image`.

    The captions of its former segments become history.
    """
    former = update(Caption).where(Caption.item_pk == item_pk, Caption.space == space)
    session.execute(former.values(is_current=False))
    session.execute(delete(Uncaptioned).where(Uncaptioned.item_pk == item_pk, Uncaptioned.space == space))
    if has_image:
        key = {"item_pk": item_pk, "space": space}
        session.add(Uncaptioned(**key, next_segment=0, attempts=0, owner=None, leased_until=0.0, error=None))


def _read_leased(session: Session, item_pk: int, space: SpaceId, next_segment: int) -> LeasedCaptions:
    item = session.execute(select(Item).where(Item.pk == item_pk)).scalar_one()
    written = select(Caption).where(Caption.item_pk == item.pk, Caption.model == _current_model()).order_by(Caption.pk)
    return LeasedCaptions(
        item_pk=item.pk,
        item_id=item.id,
        sha256=item.sha256,
        name=item.name,
        is_image=item.kind == "image",
        width=item.width,
        height=item.height,
        space=space,
        scenes=_read_scenes(session, item.pk, space, next_segment),
        known=[caption_row(caption) for caption in session.scalars(written)],
    )


def _read_scenes(session: Session, item_pk: int, space: SpaceId, first_index: int) -> list[CaptionScene]:
    """The scenes from a segment on; shots where no scenes are known; none without an image."""
    has_image = exists().where(Evidence.segment_pk == Segment.pk, Evidence.kind == "picture")
    query = (
        select(Segment)
        .where(Segment.item_pk == item_pk, Segment.space == str(space), Segment.index >= first_index, has_image)
        .order_by(Segment.index)
    )
    return list(_group_segments(session.scalars(query).all()))


def _group_segments(segments: Sequence[Segment]) -> Iterator[CaptionScene]:
    for _, group in groupby(segments, key=lambda segment: segment.scene or segment.shot):
        scene = list(group)
        start, end = scene[0].start, scene[-1].end
        captioned = scene[find_captioned_segment([(segment.start, segment.end) for segment in scene])]
        same_shot = [segment.index for segment in scene if segment.shot == captioned.shot]
        yield CaptionScene(start, end, (captioned.start + captioned.end) / 2, same_shot, scene[-1].index + 1)


def _current_model() -> ColumnElement[str | None]:
    return select(Library.caption_model).scalar_subquery()


def _is_due(space: SpaceId, now: float, max_attempts: int, reuse_only: bool) -> tuple[ColumnElement[bool], ...]:
    due = (
        Uncaptioned.space == str(space),
        Uncaptioned.leased_until <= now,
        Uncaptioned.attempts < max_attempts,
        is_in_library(Uncaptioned.item_pk),
    )
    if not reuse_only:
        return due
    return *due, exists().where(Caption.item_pk == Uncaptioned.item_pk, Caption.model == _current_model())


def _is_leased(leased: LeasedCaptions, owner: str) -> tuple[ColumnElement[bool], ...]:
    return Uncaptioned.item_pk == leased.item_pk, Uncaptioned.space == str(leased.space), Uncaptioned.owner == owner
