"""Segments of items: committed in one transaction, and published to searchers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, select

from indexes.catalog.base import (
    CatalogMixin,
    LibraryReindexed,
    add_tombstones,
    mark_released,
    next_revision,
    next_seq,
    shards_of_jobs,
    shards_of_segments,
)
from indexes.catalog.captures import select_captured
from indexes.catalog.curation.albums import select_in_album
from indexes.catalog.evidence import batches, insert_evidence, record_languages, select_spoken
from indexes.catalog.items import ITEM_ID, select_tagged
from indexes.catalog.queue.chunks import mark_chunk_done
from indexes.catalog.queue.transitions import lock_job, transition_job
from indexes.catalog.queue.uncaptioned import record_uncaptioned
from indexes.catalog.queue.unread_text import record_unread_text
from indexes.catalog.records import CatalogChanges, LeasedChunk, NewSegment, PublicationRow
from indexes.catalog.tables import Chunk, Item, Job, Library, Publication, Segment, StaleName, Tombstone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mm.schemas import Filters
    from mm.spaces.types import SpaceId


class SegmentRows(CatalogMixin):
    def commit_item(
        self, job_id: str, segments: Sequence[NewSegment], last_chunk: LeasedChunk | None = None, name: str | None = None
    ) -> bool:
        """Store the segments of a job's item, publish the item and end the job, in one transaction.

        The space is the one that the job was planned for; earlier segments of the item in it are
        replaced. `last_chunk` is marked as done in the same transaction. `name` is that whose
        evidence is in the segments, if any; it is recorded as stale if the item has another one by
        now. The job of a reindex is deleted. Returns False, and changes nothing, if the job is
        gone, over or not planned, or the lease on `last_chunk` is lost. Raises `LibraryReindexed`,
        and changes nothing, when the job is of an upload and the library was reindexed since it was
        planned.
        """
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is None or job.item_pk is None:
                return False
            space = session.scalar(select(Chunk.space).where(Chunk.job_pk == job.pk).limit(1))
            if space is None:
                return False
            if last_chunk is not None and not mark_chunk_done(
                session, last_chunk.pk, last_chunk.owner, last_chunk.shard_id, self._clock()
            ):
                return False
            item_pk = job.item_pk
            add_tombstones(session, item_pk, space)
            _record_name(session, item_pk, space, name)
            shards = _delete_segments(session, item_pk, space)
            num_evidence = _insert_segments(session, item_pk, space, segments)
            record_unread_text(session, item_pk, space, segments)
            record_languages(session, item_pk, segments)
            has_image = any(piece.kind == "picture" for segment in segments for piece in segment.evidence)
            record_uncaptioned(session, item_pk, space, has_image=has_image)
            transition_job(session, job, self._now(), state="done", stage="done")
            session.flush()
            session.add(Publication(item_pk=item_pk, space=space, seq=next_seq(session), num_evidence=num_evidence))
            if job.reindex_pk is not None:
                session.flush()
                shards |= shards_of_jobs(session, Job.pk == job.pk)
                session.execute(delete(Job).where(Job.pk == job.pk))
            elif (library_space := session.scalar(select(Library.space))) not in {None, space}:
                raise LibraryReindexed(f"The library was reindexed to {library_space} while the item was encoded for {space}.")
            next_revision(session)
            mark_released(session, shards)
            return True

    def get_identity(self) -> str:
        """Return the random identity of this catalog."""
        with self._database.read() as session:
            return session.execute(select(Library.identity)).scalar_one()

    def get_head(self) -> int:
        """Return the latest sequence number. It increases with publications and deletions."""
        with self._database.read() as session:
            return session.execute(select(Library.head)).scalar_one()

    def get_changes_after(self, seq: int, space: SpaceId, limit: int) -> CatalogChanges:
        """Return the first `limit` publications of a space after `seq`, and all its tombstones."""
        publications = (
            select(Publication.seq, Publication.item_pk, Publication.num_evidence)
            .where(Publication.space == str(space), Publication.seq > seq)
            .order_by(Publication.seq)
            .limit(limit)
        )
        withdrawn = select(Tombstone.publication_seq).where(Tombstone.space == str(space), Tombstone.seq > seq)
        with self._database.read() as session:
            return CatalogChanges(
                head=session.execute(select(Library.head)).scalar_one(),
                publications=[PublicationRow(*row) for row in session.execute(publications)],
                tombstones=session.scalars(withdrawn.order_by(Tombstone.seq)).all(),
            )

    def filter_published_items(self, item_pks: Sequence[int], space: SpaceId) -> set[int]:
        """Return the items that are searchable in a space."""
        query = select(Publication.item_pk).where(Publication.space == str(space))
        with self._database.read() as session:
            return {pk for pks in batches(item_pks) for pk in session.scalars(query.where(Publication.item_pk.in_(pks)))}

    def select_items(self, filters: Filters) -> set[int] | None:
        """Return the keys of the items that match the filters; None, for all, without a filter.

        Raises `InvalidInput` for too many tags, `NotFound` for an unknown album.
        """
        query = select(Item.pk)
        if filters.kinds:
            query = query.where(Item.kind.in_(filters.kinds))
        if filters.tags:
            query = query.where(Item.pk.in_(select_tagged(filters.tags)))
        if filters.uploaded_after is not None:
            query = query.where(Item.created_at >= filters.uploaded_after)
        if filters.uploaded_before is not None:
            query = query.where(Item.created_at < filters.uploaded_before)
        if filters.favourite is not None:
            query = query.where(Item.favourite.is_(filters.favourite))
        captured = select_captured(filters)
        if captured is not None:
            query = query.where(captured)
        if filters.language:
            query = query.where(select_spoken(filters.language))
        with self._database.read() as session:
            if filters.album:
                query = query.where(Item.pk.in_(select_in_album(session, filters.album)))
            if not filters.items:
                return set(session.scalars(query)) if captured is not None or _has_condition(filters) else None
            ids = sorted({item_id for item_id in filters.items if ITEM_ID.fullmatch(item_id)})
            return {pk for batch in batches(ids) for pk in session.scalars(query.where(Item.id.in_(batch)))}

    def find_unknown_items(self, item_ids: Sequence[str]) -> list[str]:
        """Return the ids of which there is no item, in their order."""
        ids = sorted({item_id for item_id in item_ids if ITEM_ID.fullmatch(item_id)})
        with self._database.read() as session:
            known = {item_id for batch in batches(ids) for item_id in session.scalars(select(Item.id).where(Item.id.in_(batch)))}
        return [item_id for item_id in dict.fromkeys(item_ids) if item_id not in known]


def _record_name(session: Session, item_pk: int, space: str, name: str | None) -> None:
    """Record whether an item that is committed with evidence of a name has another one by now."""
    session.execute(delete(StaleName).where(StaleName.item_pk == item_pk, StaleName.space == space))
    if name is not None and session.scalar(select(Item.name).where(Item.pk == item_pk)) != name:
        session.add(StaleName(item_pk=item_pk, space=space))


def _delete_segments(session: Session, item_pk: int, space: str) -> set[str]:
    """Delete the segments of an item in a space. Returns the shards of their evidence."""
    replaced = and_(Segment.item_pk == item_pk, Segment.space == space)
    shards = shards_of_segments(session, replaced)
    session.execute(delete(Segment).where(replaced))
    return shards


def _insert_segments(session: Session, item_pk: int, space: str, segments: Sequence[NewSegment]) -> int:
    """Insert segments with their evidence. Returns the number of rows of evidence."""
    rows = [
        {
            "item_pk": item_pk,
            "space": space,
            "index": index,
            "start": segment.start,
            "end": segment.end,
            "shot": segment.shot,
            "scene_start": None if segment.scene is None else segment.scene[0],
            "scene_end": None if segment.scene is None else segment.scene[1],
        }
        for index, segment in enumerate(segments)
    ]
    if rows:
        session.execute(insert(Segment), rows)
    keys = session.execute(select(Segment.index, Segment.pk).where(Segment.item_pk == item_pk, Segment.space == space))
    return insert_evidence(session, dict(keys.tuples().all()), {i: segment.evidence for i, segment in enumerate(segments)})


def _has_condition(filters: Filters) -> bool:
    has_time = filters.uploaded_after is not None or filters.uploaded_before is not None
    return bool(filters.kinds or filters.tags or filters.language or filters.album or has_time or filters.favourite is not None)
