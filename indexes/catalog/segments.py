"""Moments of items: committed all at once, read by searchers, shown in answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

from sqlalchemy import and_, delete, insert, select

from indexes.catalog.base import (
    CatalogMixin,
    LibraryReindexed,
    add_tombstones,
    lock_job,
    mark_released,
    next_revision,
    next_seq,
    shards_of_jobs,
    shards_of_segments,
    transition_job,
)
from indexes.catalog.items import ITEM_ID, tagged
from indexes.catalog.queue.chunks import mark_chunk_done
from indexes.catalog.queue.unread_text import record_unread_text
from indexes.catalog.records import CatalogChanges, EvidenceRow, LeasedChunk, NewSegment, PublicationRow
from indexes.catalog.tables import Chunk, Evidence, Item, Job, Library, Publication, Segment, Tombstone
from mm.schemas import EvidenceKind, Filters
from mm.spaces.types import SpaceId

Value = TypeVar("Value")

BATCH = 1000
"""Values in one statement; databases limit them."""
_EVIDENCE = (
    select(
        Evidence.pk, Item.pk, Item.id, Evidence.kind, Evidence.start, Evidence.end, Evidence.text, Evidence.shard_id,
        Evidence.row, Segment.index, Segment.start, Segment.end, Segment.shot, Segment.scene_start, Segment.scene_end,
    )
    .join(Segment, Segment.pk == Evidence.segment_pk)
    .join(Item, Item.pk == Segment.item_pk)
)  # fmt: skip


class SegmentRows(CatalogMixin):
    def commit_item(self, job_id: str, segments: Sequence[NewSegment], last: LeasedChunk | None = None) -> bool:
        """Make the item of a job searchable and end the job, in one transaction; `last` is a chunk
        that is done with it.

        The space is the one the job was planned for; what the item had in it is replaced. The job
        of a move is deleted, so that a large library leaves none behind. False, and nothing is
        changed, if the job is gone, over or not planned, or the lease on `last` is lost.
        Raises `LibraryReindexed`, and changes nothing, when the job is of an upload and the library
        has been reindexed since it was planned.
        """
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is None or job.item_pk is None:
                return False
            space = session.scalar(select(Chunk.space).where(Chunk.job_pk == job.pk).limit(1))
            if space is None:
                return False
            if last is not None and not mark_chunk_done(session, last.pk, last.owner, last.shard_id, self._clock()):
                return False
            item_pk = job.item_pk
            add_tombstones(session, item_pk, space)
            replaced = and_(Segment.item_pk == item_pk, Segment.space == space)
            shards = shards_of_segments(session, replaced)
            session.execute(delete(Segment).where(replaced))
            rows = [
                {
                    "item_pk": item_pk,
                    "space": space,
                    "index": i,
                    "start": s.start,
                    "end": s.end,
                    "shot": s.shot,
                    "scene_start": None if s.scene is None else s.scene[0],
                    "scene_end": None if s.scene is None else s.scene[1],
                }
                for i, s in enumerate(segments)
            ]
            if rows:
                session.execute(insert(Segment), rows)
            keys = session.execute(select(Segment.index, Segment.pk).where(Segment.item_pk == item_pk, Segment.space == space))
            pk_of = dict(keys.tuples().all())
            evidence = [
                {
                    "segment_pk": pk_of[index],
                    "kind": piece.kind,
                    "start": piece.start,
                    "end": piece.end,
                    "text": piece.text,
                    "shard_id": piece.shard_id,
                    "row": piece.row,
                }
                for index, segment in enumerate(segments)
                for piece in segment.evidence
            ]
            if evidence:
                session.execute(insert(Evidence), evidence)
            record_unread_text(session, item_pk, space, [index for index, segment in enumerate(segments) if segment.unread])
            transition_job(session, job, self._now(), state="done", stage="done")
            session.flush()
            session.add(Publication(item_pk=item_pk, space=space, seq=next_seq(session), evidence=len(evidence)))
            if job.reindex_pk is not None:
                session.flush()
                shards |= shards_of_jobs(session, Job.pk == job.pk)
                session.execute(delete(Job).where(Job.pk == job.pk))
            elif (moved_to := session.scalar(select(Library.space))) not in {None, space}:
                raise LibraryReindexed(f"The library was moved to {moved_to} while the item was encoded for {space}.")
            next_revision(session)
            mark_released(session, shards)
            return True

    def identity(self) -> str:
        """A random name of this catalog, the same for as long as it exists."""
        with self._database.read() as session:
            return session.execute(select(Library.identity)).scalar_one()

    def head(self) -> int:
        """The latest sequence number: it grows whenever items become searchable or are deleted."""
        with self._database.read() as session:
            return session.execute(select(Library.head)).scalar_one()

    def changes_after(self, seq: int, space: SpaceId, limit: int) -> CatalogChanges:
        """What happened in a space behind `seq`: the first `limit` publications, and all that are
        gone."""
        published = (
            select(Publication.seq, Publication.item_pk, Publication.evidence)
            .where(Publication.space == str(space), Publication.seq > seq)
            .order_by(Publication.seq)
            .limit(limit)
        )
        tombstones = select(Tombstone.published).where(Tombstone.space == str(space), Tombstone.seq > seq).order_by(Tombstone.seq)
        with self._database.read() as session:
            return CatalogChanges(
                head=session.execute(select(Library.head)).scalar_one(),
                publications=[PublicationRow(*row) for row in session.execute(published)],
                tombstones=session.scalars(tombstones).all(),
            )

    def list_evidence(self, item_pks: Sequence[int], space: SpaceId) -> list[EvidenceRow]:
        """Return all evidence of items in a space, ordered by item, segment and key.

        Deleted items have none.
        """
        rows: list[EvidenceRow] = []
        order = (Segment.item_pk, Segment.index, Evidence.pk)
        with self._database.read() as session:
            for pks in _batches(sorted(item_pks)):
                query = _EVIDENCE.where(Segment.space == str(space), Segment.item_pk.in_(pks)).order_by(*order)
                rows += [_evidence_row(*row) for row in session.execute(query).tuples()]
        return rows

    def published_items(self, item_pks: Sequence[int], space: SpaceId) -> set[int]:
        """Those of the items that are searchable in a space."""
        with self._database.read() as session:
            query = select(Publication.item_pk).where(Publication.space == str(space))
            return {pk for pks in _batches(item_pks) for pk in session.scalars(query.where(Publication.item_pk.in_(pks)))}

    def get_evidence(self, pks: Sequence[int]) -> dict[int, EvidenceRow]:
        """Return evidence by key. Deleted evidence is left out."""
        rows: dict[int, EvidenceRow] = {}
        with self._database.read() as session:
            for some in _batches(pks):
                for row in session.execute(_EVIDENCE.where(Evidence.pk.in_(some))).tuples():
                    rows[row[0]] = _evidence_row(*row)
        return rows

    def select_items(self, filters: Filters) -> set[int] | None:
        """Keys of the items that pass the filters; None means all, because no filter is set.

        Raises `InvalidInput` for too many tags.
        """
        query = select(Item.pk)
        if filters.kinds:
            query = query.where(Item.kind.in_(filters.kinds))
        if filters.tags:
            query = query.where(Item.pk.in_(tagged(filters.tags)))
        if filters.uploaded_after is not None:
            query = query.where(Item.created_at >= filters.uploaded_after)
        if filters.uploaded_before is not None:
            query = query.where(Item.created_at < filters.uploaded_before)
        with self._database.read() as session:
            if not filters.items:
                return None if not _any(filters) else set(session.scalars(query))
            ids = sorted({item_id for item_id in filters.items if ITEM_ID.fullmatch(item_id)})
            return {pk for some in _batches(ids) for pk in session.scalars(query.where(Item.id.in_(some)))}

    def find_unreferenced_shards(self, shard_ids: Sequence[str]) -> set[str]:
        """Those that no row refers to."""
        with self._database.read() as session:
            known = set(session.scalars(select(Evidence.shard_id).where(Evidence.shard_id.in_(shard_ids))))
            known |= set(session.scalars(select(Chunk.shard_id).where(Chunk.shard_id.in_(shard_ids))))
        return set(shard_ids) - known


def _evidence_row(
    pk: int,
    item_pk: int,
    item_id: str,
    kind: str,
    start: float,
    end: float,
    text: str | None,
    shard_id: str,
    row: int,
    index: int,
    segment_start: float,
    segment_end: float,
    shot: int,
    scene_start: float | None,
    scene_end: float | None,
) -> EvidenceRow:
    scene = None if scene_start is None or scene_end is None else (scene_start, scene_end)
    return EvidenceRow(
        pk, item_pk, item_id, cast(EvidenceKind, kind), start, end, text, shard_id, row,
        index, segment_start, segment_end, shot, scene,
    )  # fmt: skip


def _any(filters: Filters) -> bool:
    return bool(filters.kinds or filters.tags or filters.uploaded_after is not None or filters.uploaded_before is not None)


def _batches(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))
