"""Spaces of the library: the space that it was reindexed to, and the items in each space."""

from __future__ import annotations

from sqlalchemy import and_, delete, func, select, union_all, update

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin, add_tombstones, mark_released, shards_of_jobs, shards_of_segments
from indexes.catalog.queue.forecast import WORKER_SECONDS
from indexes.catalog.queue.reindex import UNFINISHED_STATES, select_latest_reindex
from indexes.catalog.records import NamedSpace
from indexes.catalog.tables import (
    Caption,
    Chunk,
    Item,
    Job,
    Library,
    Publication,
    Segment,
    Speed,
    Uncaptioned,
    UnreadText,
    WithdrawnPublication,
    Worker,
)
from indexes.catalog.tables.visibility import WITH_TRASH
from mm.errors import Conflict
from mm.schemas import FINAL_STATES
from mm.spaces.larger.estimate import Content
from mm.spaces.types import SpaceId


class SpaceRows(CatalogMixin):
    def get_library_space(self) -> NamedSpace | None:
        """Return the space that the library was reindexed to, None if it never was."""
        with self._database.read() as session:
            name, space = session.execute(select(Library.space_name, Library.space)).one()
            return None if name is None or space is None else NamedSpace(name, SpaceId.parse(space))

    def count_items_by_space(self) -> dict[SpaceId, int]:
        """Count the searchable items of each space that has any."""
        with self._database.read() as session:
            counts = session.execute(select(Publication.space, func.count()).group_by(Publication.space)).tuples().all()
            return {SpaceId.parse(space): count for space, count in sorted(counts)}

    def measure_content(self, space: SpaceId) -> Content:
        """Return what a reindexing encodes, and how fast the library is encoded in `space`."""
        alive = self._clock() - WORKER_SECONDS
        with self._database.read() as session:
            of_kind = select(Item.kind, func.count(), func.sum(Item.duration)).where(Item.status == "ready").group_by(Item.kind)
            amounts = {kind: (count, seconds) for kind, count, seconds in session.execute(of_kind).tuples()}
            evidence = select(func.coalesce(func.sum(Publication.num_evidence), 0)).where(Publication.space == str(space))
            return Content(
                num_images=amounts.get("image", (0, 0.0))[0],
                video_seconds=amounts.get("video", (0, 0.0))[1],
                audio_seconds=amounts.get("audio", (0, 0.0))[1],
                num_evidence=session.execute(evidence).scalar_one(),
                seconds_of_kind={speed.kind: speed.seconds for speed in session.scalars(select(Speed))},
                num_workers=session.execute(select(func.count()).where(Worker.heartbeat_at > alive)).scalar_one(),
            )

    def drop_space(self, space: SpaceId, limit: int, by: Actor = LOCAL) -> int:
        """Withdraw up to `limit` items, with their segments, from a space that is not in use.

        Returns how many. Raises `Conflict` for a space of an unfinished reindex, and for the space
        that the library was reindexed to.
        """
        with self._database.write() as session:
            reindex = session.scalar(select_latest_reindex().with_for_update())
            if reindex is not None and reindex.state in UNFINISHED_STATES and str(space) in {reindex.source, reindex.target}:
                raise Conflict(
                    f"The library is being reindexed from {reindex.source} to {reindex.target}. Undo the reindex before you "
                    f"drop {space}."
                )
            if session.scalar(select(Library.space)) == str(space):
                raise Conflict(f"The library is searched in {space}, so this space cannot be dropped.")
            in_library = select(Publication.item_pk).where(Publication.space == str(space))
            in_trash = select(WithdrawnPublication.item_pk).where(WithdrawnPublication.space == str(space))
            pks = sorted(session.scalars(union_all(in_library, in_trash).limit(limit)))
            locked = select(Item.pk).where(Item.pk.in_(pks)).order_by(Item.pk).with_for_update()
            session.scalars(locked.execution_options(**WITH_TRASH)).all()
            of_items = and_(WithdrawnPublication.item_pk.in_(pks), WithdrawnPublication.space == str(space))
            session.execute(delete(WithdrawnPublication).where(of_items))
            session.execute(delete(UnreadText).where(UnreadText.item_pk.in_(pks), UnreadText.space == str(space)))
            session.execute(delete(Uncaptioned).where(Uncaptioned.item_pk.in_(pks), Uncaptioned.space == str(space)))
            former = update(Caption).where(Caption.item_pk.in_(pks), Caption.space == str(space))
            session.execute(former.values(is_current=False))
            dropped = and_(Segment.item_pk.in_(pks), Segment.space == str(space))
            ended_jobs = select(Job.pk).where(Job.item_pk.in_(pks), Job.state.in_(FINAL_STATES))
            shards = shards_of_segments(session, dropped) | shards_of_jobs(session, Job.pk.in_(ended_jobs))
            session.execute(delete(Segment).where(dropped))
            session.execute(delete(Chunk).where(Chunk.job_pk.in_(ended_jobs), Chunk.space == str(space)))
            for pk in pks:
                add_tombstones(session, pk, str(space))
            if pks:
                add_audit(session, self._now(), by, "space.drop", str(space), {"items": len(pks)})
            mark_released(session, shards)
            return len(pks)
