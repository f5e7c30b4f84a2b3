"""Moving a library from one space to another: what is left to encode, when it is done, and what may
be dropped afterwards.

Items are given out a few at a time, each as a job of its own that runs beside the uploads. Until
the last one can be searched in the new space, the library stays in the old one; then one row
changes. A stop, a crash and a delete leave nothing to repair, because what is left is always asked
of the rows that searches use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update

from indexes.catalog.audit import LOCAL, WORKER, Actor, AuditDetail, add_audit
from indexes.catalog.base import (
    OPEN_STATES,
    CatalogMixin,
    add_tombstones,
    insert_job,
    job_row,
    lock_job,
    mark_released,
    notify_watchers,
    shards_of_jobs,
    shards_of_segments,
    transition_job,
)
from indexes.catalog.records import JobRow, NamedSpace, ReindexCounts, ReindexRow
from indexes.catalog.tables import Chunk, Item, Job, Library, Publication, Reindex, Segment, UnreadText
from mm.errors import Conflict
from mm.schemas import FINAL_STATES, MoveState
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPEN: tuple[MoveState, ...] = ("running", "stopped")
FAILED = ("failed", "quarantined", "cancelled")
"""States of a job that ended without its item. One that was deleted took its job's key to it along.
"""


class ReindexRows(CatalogMixin):
    def library_space(self) -> NamedSpace | None:
        """The space that the library was moved to, None if it never was."""
        with self._database.read() as session:
            name, space = session.execute(select(Library.space_name, Library.space)).one()
            return None if name is None or space is None else NamedSpace(name, SpaceId.parse(space))

    def latest_reindex(self) -> ReindexRow | None:
        """The move that runs or was the last one."""
        with self._database.read() as session:
            move = session.scalar(_latest())
            return None if move is None else _move_row(move)

    def count_reindexed(self, move: ReindexRow) -> ReindexCounts:
        """How far a move is."""
        source, target = (_published(space.id) for space in (move.source, move.target))
        with self._database.read() as session:
            items, moved, failed = (
                session.execute(select(func.count()).select_from(Item).where(condition)).scalar_one()
                for condition in (or_(source, target), target, _failed(move.pk))
            )
        return ReindexCounts(items, moved, failed)

    def count_items_by_space(self) -> dict[SpaceId, int]:
        """How many items can be searched in each space that has any."""
        with self._database.read() as session:
            counts = session.execute(select(Publication.space, func.count()).group_by(Publication.space)).tuples().all()
            return {SpaceId.parse(space): count for space, count in sorted(counts)}

    def start_reindex(
        self, source: NamedSpace, target: NamedSpace, by: Actor = LOCAL, *, action: str = "space.move"
    ) -> ReindexRow:
        """Begin to encode everything for `target`. Raises `Conflict` while another move is not
        over, or when it leads nowhere."""
        with self._database.write() as session:
            session.execute(select(Library.pk).with_for_update())  # two who begin at once
            latest = session.scalar(_latest())
            if latest is not None and latest.state in OPEN:
                raise Conflict(f"The library is on its way to {latest.target_name}; undo that move before another begins.")
            if source.id == target.id:
                raise Conflict(f"The library is in {target.id} already.")
            now = self._now()
            move = Reindex(
                source_name=source.name, source=str(source.id), target_name=target.name, target=str(target.id),
                state="running", leave_out=False, cursor=0, error=None, created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(move)
            session.flush()
            self._audit(session, by, action, move)
            notify_watchers(session)
            return _move_row(move)

    def stop_reindex(self, by: Actor = LOCAL) -> ReindexRow:
        """Let a move rest: nothing of it is begun, and leases on its chunks are not prolonged;
        chunks that are done stay so.

        Raises `Conflict` unless a move runs.
        """
        with self._database.write() as session:
            move = _lock(session, "running")
            self._turn(session, move, "stopped")
            self._audit(session, by, "space.stop", move)
            return _move_row(move)

    def resume_reindex(self, *, leave_out: bool, by: Actor = LOCAL) -> ReindexRow:
        """Go on, with another try for items that failed, or without them. Raises `Conflict` unless
        a move is stopped."""
        with self._database.write() as session:
            move = _lock(session, "stopped")
            move.leave_out, move.cursor = leave_out, 0
            if not leave_out:
                _delete_jobs(session, and_(Job.reindex_pk == move.pk, Job.state.in_(FAILED)))
            self._turn(session, move, "running")
            self._audit(session, by, "space.resume", move)
            return _move_row(move)

    def undo_reindex(self, by: Actor = LOCAL) -> ReindexRow:
        """End a move that is not over; the library stays where it is. What was encoded is kept, for
        another try or to be dropped.

        Raises `Conflict` unless a move runs or is stopped.
        """
        with self._database.write() as session:
            move = _lock(session, *OPEN)
            open_jobs = select(Job.id).where(Job.reindex_pk == move.pk, Job.state.in_(OPEN_STATES)).order_by(Job.pk)
            for job_id in session.scalars(open_jobs).all():
                job = lock_job(session, job_id)
                if job is not None:
                    transition_job(session, job, self._now(), state="cancelled", stage="the move was undone")
            self._turn(session, move, "undone")
            self._audit(session, by, "space.undo", move)
            session.flush()
            _delete_jobs(session, Job.reindex_pk == move.pk)
            return _move_row(move)

    def create_reindex_jobs(self, most: int) -> list[JobRow]:
        """New jobs of the move that runs, so that `most` are open. [] if none runs or nothing is
        left to give out."""
        with self._database.write() as session:
            move = session.scalar(_latest().with_for_update())
            if move is None or move.state != "running":
                return []
            wanted = most - _open_jobs(session, move.pk)
            jobs: list[Job] = []
            for _ in range(2):
                if len(jobs) < wanted:
                    left = select(Item).where(_left(move), Item.pk > move.cursor).order_by(Item.pk).limit(wanted - len(jobs))
                    items = session.scalars(left).all()
                    jobs += [insert_job(session, item, self._now(), reindex_pk=move.pk) for item in items]
                    # What became ready behind the cursor is found by another look from the start.
                    move.cursor = items[-1].pk if items else 0
                    session.flush()
            return [job_row(job) for job in jobs]

    def finish_reindex(self) -> bool:
        """Let the library be in the new space if nothing is left to do. Returns whether the move
        ended or stopped.

        It stops when items failed that are not to be left out.
        """
        with self._database.write() as session:
            move = session.scalar(_latest().with_for_update())
            if move is None or move.state != "running" or _open_jobs(session, move.pk):
                return False
            # Whoever makes an item searchable holds this lock at the end: none can come between the
            # look and the change.
            session.execute(select(Library.pk).with_for_update())
            if session.scalar(select(Item.pk).where(_left(move)).limit(1)) is not None:
                return False
            failed = session.execute(select(func.count()).select_from(Item).where(_failed(move.pk))).scalar_one()
            if failed and not move.leave_out:
                reason = session.scalar(
                    select(Job.error).where(Job.reindex_pk == move.pk, Job.state.in_(FAILED), Job.error.is_not(None)).limit(1)
                )
                self._turn(
                    session, move, "stopped", f"{failed:,} items cannot be encoded for {move.target}. One of them: {reason}"
                )
                self._audit(session, WORKER, "space.stop", move)
                return True
            self._turn(session, move, "done")
            self._audit(session, WORKER, "space.done", move)
            session.execute(update(Library).values(space_name=move.target_name, space=move.target))
            _delete_jobs(session, Job.reindex_pk == move.pk)
            return True

    def drop_space(self, space: SpaceId, limit: int, by: Actor = LOCAL) -> int:
        """Withdraw up to `limit` items from a space in which the library is not, with their
        moments. Returns how many it were.

        Raises `Conflict` for the space that a move leads to or that the library is in, as far as
        the catalog says so.
        """
        with self._database.write() as session:
            move = session.scalar(_latest().with_for_update())
            if move is not None and move.state in OPEN and str(space) in {move.source, move.target}:
                raise Conflict(f"The library is on its way from {move.source} to {move.target}; undo that first.")
            if session.scalar(select(Library.space)) == str(space):
                raise Conflict(f"The library is in {space}: it would not be found any more.")
            here = select(Publication.item_pk).where(Publication.space == str(space)).order_by(Publication.item_pk).limit(limit)
            pks = session.scalars(here).all()
            session.scalars(select(Item.pk).where(Item.pk.in_(pks)).order_by(Item.pk).with_for_update()).all()
            session.execute(delete(UnreadText).where(UnreadText.item_pk.in_(pks), UnreadText.space == str(space)))
            dropped = and_(Segment.item_pk.in_(pks), Segment.space == str(space))
            over = select(Job.pk).where(Job.item_pk.in_(pks), Job.state.in_(FINAL_STATES))
            shards = shards_of_segments(session, dropped) | shards_of_jobs(session, Job.pk.in_(over))
            session.execute(delete(Segment).where(dropped))
            session.execute(delete(Chunk).where(Chunk.job_pk.in_(over), Chunk.space == str(space)))
            for pk in pks:
                add_tombstones(session, pk, str(space))
            if pks:
                add_audit(session, self._now(), by, "space.drop", str(space), {"items": len(pks)})
            mark_released(session, shards)
            return len(pks)

    def _audit(self, session: Session, by: Actor, action: str, move: Reindex) -> None:
        detail: AuditDetail = {"source": move.source, "name": move.target_name, "leave_out": move.leave_out}
        add_audit(session, self._now(), by, action, move.target, detail)

    def _turn(self, session: Session, move: Reindex, state: MoveState, error: str | None = None) -> None:
        move.state, move.error, move.updated_at = state, error, self._now()
        notify_watchers(session)


def _latest() -> Select[tuple[Reindex]]:
    return select(Reindex).order_by(Reindex.pk.desc()).limit(1)


def _lock(session: Session, *states: MoveState) -> Reindex:
    """The latest move, locked. Raises `Conflict` unless it is in one of these states."""
    move = session.scalar(_latest().with_for_update())
    if move is None:
        raise Conflict("The library is on no way to another space.")
    if move.state not in states:
        raise Conflict(f"The move to {move.target_name} is {move.state}; this needs one that is {' or '.join(states)}.")
    return move


def _delete_jobs(session: Session, which: ColumnElement[bool]) -> None:
    """Delete jobs with their chunks; shards that only these refer to are released."""
    shards = shards_of_jobs(session, which)
    session.execute(delete(Job).where(which))
    mark_released(session, shards)


def _left(move: Reindex) -> ColumnElement[bool]:
    """Items that can be searched, but not where the move leads, and of which it has no job."""
    in_hand = exists().where(Job.item_pk == Item.pk, Job.reindex_pk == move.pk)
    return and_(Item.status == "ready", ~_published(SpaceId.parse(move.target)), ~in_hand)


def _published(space: SpaceId) -> ColumnElement[bool]:
    return exists().where(Publication.item_pk == Item.pk, Publication.space == str(space))


def _failed(reindex_pk: int) -> ColumnElement[bool]:
    return exists().where(Job.item_pk == Item.pk, Job.reindex_pk == reindex_pk, Job.state.in_(FAILED))


def _open_jobs(session: Session, reindex_pk: int) -> int:
    jobs = select(func.count()).where(Job.reindex_pk == reindex_pk, Job.state.in_(OPEN_STATES))
    return session.execute(jobs).scalar_one()


def _move_row(move: Reindex) -> ReindexRow:
    return ReindexRow(
        pk=move.pk,
        source=NamedSpace(move.source_name, SpaceId.parse(move.source)),
        target=NamedSpace(move.target_name, SpaceId.parse(move.target)),
        state=cast(MoveState, move.state),
        leave_out=move.leave_out,
        error=move.error,
        created_at=move.created_at,
        updated_at=move.updated_at,
    )
