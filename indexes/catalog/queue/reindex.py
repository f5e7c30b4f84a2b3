"""Reindexing: encoding all items for another space while the library stays searchable.

A few items at a time get a job of the reindex, which is served after all uploads. The library
changes its space in one row, when every item is searchable in the new one. What is left is always
computed from the publications, so a stop, a crash or a deletion leaves no list to repair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update

from indexes.catalog.audit import LOCAL, WORKER, Actor, AuditDetail, add_audit
from indexes.catalog.base import CatalogMixin, mark_released, notify_watchers, shards_of_jobs
from indexes.catalog.queue.transitions import OPEN_STATES, insert_job, job_row, lock_job, transition_job
from indexes.catalog.records import JobRow, NamedSpace, ReindexCounts, ReindexRow
from indexes.catalog.tables import Item, Job, Library, Publication, Reindex
from mm.errors import Conflict
from mm.schemas import MoveState
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UNFINISHED_STATES: tuple[MoveState, ...] = ("running", "stopped")
FAILED_STATES = ("failed", "quarantined", "cancelled")
"""States of a job that ended without its item. The job of a deleted item refers to no item."""


class ReindexRows(CatalogMixin):
    def get_latest_reindex(self) -> ReindexRow | None:
        """Return the current or the last reindex, None if there was none."""
        with self._database.read() as session:
            reindex = session.scalar(select_latest_reindex())
            return None if reindex is None else _reindex_row(reindex)

    def count_reindexed(self, reindex: ReindexRow) -> ReindexCounts:
        """Count the items of a reindex: all, searchable in the target, and failed."""
        in_source, in_target = (_is_published(space.id) for space in (reindex.source, reindex.target))
        with self._database.read() as session:
            items, reindexed, failed = (
                session.execute(select(func.count()).select_from(Item).where(condition)).scalar_one()
                for condition in (or_(in_source, in_target), in_target, _has_failed(reindex.pk))
            )
        return ReindexCounts(items, reindexed, failed)

    def start_reindex(
        self, source: NamedSpace, target: NamedSpace, by: Actor = LOCAL, *, action: str = "space.move"
    ) -> ReindexRow:
        """Start to encode all items for `target`.

        Raises `Conflict` while another reindex is unfinished, or when both spaces are the same.
        """
        with self._database.write() as session:
            session.execute(select(Library.pk).with_for_update())  # against two concurrent starts
            latest = session.scalar(select_latest_reindex())
            if latest is not None and latest.state in UNFINISHED_STATES:
                raise Conflict(
                    f"The library is being reindexed to {latest.target_name}. Undo that reindex before you start another one."
                )
            if source.id == target.id:
                raise Conflict(f"The library already uses the space {target.id}.")
            now = self._now()
            reindex = Reindex(
                source_name=source.name, source=str(source.id), target_name=target.name, target=str(target.id),
                state="running", leave_out=False, cursor=0, error=None, created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(reindex)
            session.flush()
            self._audit(session, by, action, reindex)
            notify_watchers(session)
            return _reindex_row(reindex)

    def stop_reindex(self, by: Actor = LOCAL) -> ReindexRow:
        """Stop the running reindex: no new leases, no extended leases. Completed chunks stay.

        Raises `Conflict` unless a reindex is running.
        """
        with self._database.write() as session:
            reindex = _lock_latest(session, "running")
            self._set_state(session, reindex, "stopped")
            self._audit(session, by, "space.stop", reindex)
            return _reindex_row(reindex)

    def resume_reindex(self, *, leave_out: bool, by: Actor = LOCAL) -> ReindexRow:
        """Resume a stopped reindex. Failed items are retried, or with `leave_out` left out.

        Raises `Conflict` unless a reindex is stopped.
        """
        with self._database.write() as session:
            reindex = _lock_latest(session, "stopped")
            reindex.leave_out, reindex.cursor = leave_out, 0
            if not leave_out:
                _delete_jobs(session, and_(Job.reindex_pk == reindex.pk, Job.state.in_(FAILED_STATES)))
            self._set_state(session, reindex, "running")
            self._audit(session, by, "space.resume", reindex)
            return _reindex_row(reindex)

    def undo_reindex(self, by: Actor = LOCAL) -> ReindexRow:
        """End an unfinished reindex; the library stays in its space. Encoded items are kept.

        Raises `Conflict` unless a reindex is running or stopped.
        """
        with self._database.write() as session:
            reindex = _lock_latest(session, *UNFINISHED_STATES)
            open_jobs = select(Job.id).where(Job.reindex_pk == reindex.pk, Job.state.in_(OPEN_STATES)).order_by(Job.pk)
            for job_id in session.scalars(open_jobs).all():
                job = lock_job(session, job_id)
                if job is not None:
                    transition_job(session, job, self._now(), state="cancelled", stage="the reindex was undone")
            self._set_state(session, reindex, "undone")
            self._audit(session, by, "space.undo", reindex)
            session.flush()
            _delete_jobs(session, Job.reindex_pk == reindex.pk)
            return _reindex_row(reindex)

    def create_reindex_jobs(self, max_open: int) -> list[JobRow]:
        """Create jobs of the running reindex until `max_open` are open. Returns the new jobs."""
        with self._database.write() as session:
            reindex = session.scalar(select_latest_reindex().with_for_update())
            if reindex is None or reindex.state != "running":
                return []
            num_wanted = max_open - _count_open_jobs(session, reindex.pk)
            jobs: list[Job] = []
            for _ in range(2):  # the second pass finds items before the cursor that became ready
                if len(jobs) < num_wanted:
                    remaining = select(Item).where(_is_remaining(reindex), Item.pk > reindex.cursor).order_by(Item.pk)
                    items = session.scalars(remaining.limit(num_wanted - len(jobs))).all()
                    jobs += [insert_job(session, item, self._now(), reindex_pk=reindex.pk) for item in items]
                    reindex.cursor = items[-1].pk if items else 0
                    session.flush()
            return [job_row(job) for job in jobs]

    def finish_reindex(self) -> bool:
        """Change the library to the new space if no work is left.

        The reindex stops instead when items failed that are not to be left out. Returns whether the
        reindex ended or stopped.
        """
        with self._database.write() as session:
            reindex = session.scalar(select_latest_reindex().with_for_update())
            if reindex is None or reindex.state != "running" or _count_open_jobs(session, reindex.pk):
                return False
            # Each publication takes this lock last: none commits between the check and the change.
            session.execute(select(Library.pk).with_for_update())
            if session.scalar(select(Item.pk).where(_is_remaining(reindex)).limit(1)) is not None:
                return False
            failed = session.execute(select(func.count()).select_from(Item).where(_has_failed(reindex.pk))).scalar_one()
            if failed and not reindex.leave_out:
                errors = select(Job.error).where(
                    Job.reindex_pk == reindex.pk, Job.state.in_(FAILED_STATES), Job.error.is_not(None)
                )
                reason = session.scalar(errors.limit(1))
                error = f"{failed:,} items cannot be encoded for {reindex.target}. One of them: {reason}"
                self._set_state(session, reindex, "stopped", error)
                self._audit(session, WORKER, "space.stop", reindex)
                return True
            self._set_state(session, reindex, "done")
            self._audit(session, WORKER, "space.done", reindex)
            session.execute(update(Library).values(space_name=reindex.target_name, space=reindex.target))
            _delete_jobs(session, Job.reindex_pk == reindex.pk)
            return True

    def _audit(self, session: Session, by: Actor, action: str, reindex: Reindex) -> None:
        detail: AuditDetail = {"source": reindex.source, "name": reindex.target_name, "leave_out": reindex.leave_out}
        add_audit(session, self._now(), by, action, reindex.target, detail)

    def _set_state(self, session: Session, reindex: Reindex, state: MoveState, error: str | None = None) -> None:
        reindex.state, reindex.error, reindex.updated_at = state, error, self._now()
        notify_watchers(session)


def select_latest_reindex() -> Select[tuple[Reindex]]:
    """Select the current or the last reindex."""
    return select(Reindex).order_by(Reindex.pk.desc()).limit(1)


def _lock_latest(session: Session, *states: MoveState) -> Reindex:
    """Lock the latest reindex. Raises `Conflict` unless it is in one of these states."""
    reindex = session.scalar(select_latest_reindex().with_for_update())
    if reindex is None:
        raise Conflict("No reindex is in progress.")
    if reindex.state not in states:
        expected = " or ".join(states)
        raise Conflict(f"The reindex to {reindex.target_name} is {reindex.state}; this action needs one that is {expected}.")
    return reindex


def _delete_jobs(session: Session, condition: ColumnElement[bool]) -> None:
    """Delete jobs with their chunks, and mark the shards of the chunks as released."""
    shards = shards_of_jobs(session, condition)
    session.execute(delete(Job).where(condition))
    mark_released(session, shards)


def _is_remaining(reindex: Reindex) -> ColumnElement[bool]:
    """Condition on `Item`: ready, not searchable in the target, without a job of the reindex."""
    has_job = exists().where(Job.item_pk == Item.pk, Job.reindex_pk == reindex.pk)
    return and_(Item.status == "ready", ~_is_published(SpaceId.parse(reindex.target)), ~has_job)


def _is_published(space: SpaceId) -> ColumnElement[bool]:
    return exists().where(Publication.item_pk == Item.pk, Publication.space == str(space))


def _has_failed(reindex_pk: int) -> ColumnElement[bool]:
    return exists().where(Job.item_pk == Item.pk, Job.reindex_pk == reindex_pk, Job.state.in_(FAILED_STATES))


def _count_open_jobs(session: Session, reindex_pk: int) -> int:
    jobs = select(func.count()).where(Job.reindex_pk == reindex_pk, Job.state.in_(OPEN_STATES))
    return session.execute(jobs).scalar_one()


def _reindex_row(reindex: Reindex) -> ReindexRow:
    return ReindexRow(
        pk=reindex.pk,
        source=NamedSpace(reindex.source_name, SpaceId.parse(reindex.source)),
        target=NamedSpace(reindex.target_name, SpaceId.parse(reindex.target)),
        state=cast(MoveState, reindex.state),
        leave_out=reindex.leave_out,
        error=reindex.error,
        created_at=reindex.created_at,
        updated_at=reindex.updated_at,
    )
