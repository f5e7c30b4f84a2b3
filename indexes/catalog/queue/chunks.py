"""Chunks of jobs and the leases on them: which worker encodes a chunk, and how many attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, delete, exists, select, update

from indexes.catalog.base import CatalogMixin, mark_released, shards_of_jobs
from indexes.catalog.queue.transitions import OPEN_STATES, WAITING, is_runnable, lock_job, transition_job
from indexes.catalog.records import ChunkRow
from indexes.catalog.tables import Chunk, Job
from mm.spaces.types import SpaceId

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class TimeSpan(Protocol):
    """A time range of an item, in seconds."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class ChunkRows(CatalogMixin):
    def plan_job(self, job_id: str, space: SpaceId, spans: Sequence[TimeSpan]) -> list[ChunkRow]:
        """Insert the chunks of a job unless it has chunks already. Returns its chunks.

        [] if the job was deleted or is over.
        """
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is None:
                return []
            if planned := chunk_rows(session, job_id):
                return planned
            now = self._clock()
            session.add_all(
                Chunk(
                    job_pk=job.pk,
                    index=index,
                    start=span.start,
                    end=span.end,
                    space=str(space),
                    attempts=0,
                    done=False,
                    leased_until=0.0,
                    changed_at=now,
                    due_at=0.0,
                )
                for index, span in enumerate(spans)
            )
            session.flush()
            return chunk_rows(session, job_id)

    def replan_job(self, job_id: str) -> None:
        """Delete the chunks of an open job, with their leases, and queue the job again."""
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is not None:
                mark_released(session, shards_of_jobs(session, Job.pk == job.pk))
                session.execute(delete(Chunk).where(Chunk.job_pk == job.pk))
                job.due_at = 0.0
                transition_job(session, job, self._now(), state="queued", stage=WAITING)

    def list_chunks(self, job_id: str) -> list[ChunkRow]:
        """Return the chunks of a job in order; [] if it was deleted or is not planned."""
        with self._database.read() as session:
            return chunk_rows(session, job_id)

    def lease_chunk(self, pk: int, owner: str, seconds: float) -> ChunkRow | None:
        """Lease a chunk for `seconds` and count an attempt.

        None if the chunk is gone or done, another owner has an unexpired lease, or its job is over
        or belongs to a stopped reindex.
        """
        now = self._clock()
        is_free = (Chunk.leased_until <= now) | (Chunk.owner == owner)
        leased = (
            update(Chunk)
            .where(Chunk.pk == pk, Chunk.done.is_(False), is_free, _is_job_runnable())
            .values(owner=owner, leased_until=now + seconds, attempts=Chunk.attempts + 1, changed_at=now)
        )
        with self._database.write() as session:
            if session.execute(leased.returning(Chunk.pk)).first() is None:
                return None
            chunk, job_id = session.execute(select(Chunk, Job.id).join(Job, Job.pk == Chunk.job_pk).where(Chunk.pk == pk)).one()
            return chunk_row(chunk, job_id)

    def extend_lease(self, pk: int, owner: str, seconds: float) -> bool:
        """Extend a lease. False if it is lost, or the job is over or of a stopped reindex."""
        now = self._clock()
        return self._update_leased(pk, owner, {"leased_until": now + seconds, "changed_at": now}, _is_job_runnable())

    def release_chunk(self, pk: int, owner: str, error: str | None, *, retry_in: float = 0.0) -> None:
        """End a lease. Without an `error`, its attempt is not counted.

        After an error, the chunk is not due for `retry_in` seconds.
        """
        now = self._clock()
        values = {"attempts": Chunk.attempts - 1} if error is None else {"error": error, "due_at": now + retry_in}
        self._update_leased(pk, owner, {**values, "owner": None, "leased_until": 0.0, "changed_at": now})

    def finish_chunk(self, pk: int, owner: str, shard_id: str) -> bool:
        """Mark a chunk as done. False if the lease is lost or the job is over."""
        with self._database.write() as session:
            return mark_chunk_done(session, pk, owner, shard_id, self._clock())

    def _update_leased(self, pk: int, owner: str, values: dict[str, object], *conditions: ColumnElement[bool]) -> bool:
        with self._database.write() as session:
            return _update_leased(session, pk, owner, values, *conditions)


def mark_chunk_done(session: Session, pk: int, owner: str, shard_id: str, now: float) -> bool:
    """Mark a chunk as done in a transaction. False if the lease is lost or the job is over."""
    values = {"done": True, "shard_id": shard_id, "error": None, "owner": None, "leased_until": 0.0, "changed_at": now}
    return _update_leased(session, pk, owner, values, _is_job_open())


def lease_locked_chunk(session: Session, chunk: Chunk, job_id: str, owner: str, now: float, seconds: float) -> ChunkRow:
    """Lease a locked chunk and count an attempt."""
    chunk.owner, chunk.leased_until, chunk.attempts, chunk.changed_at = owner, now + seconds, chunk.attempts + 1, now
    session.flush()
    return chunk_row(chunk, job_id)


def _update_leased(session: Session, pk: int, owner: str, values: dict[str, object], *conditions: ColumnElement[bool]) -> bool:
    """Update a chunk that `owner` has leased. False if it has not, or a condition fails."""
    leased = (Chunk.pk == pk, Chunk.owner == owner, Chunk.done.is_(False), *conditions)
    return session.execute(update(Chunk).where(*leased).values(**values).returning(Chunk.pk)).first() is not None


def _is_job_open() -> ColumnElement[bool]:
    return exists().where(Job.pk == Chunk.job_pk, Job.state.in_(OPEN_STATES))


def _is_job_runnable() -> ColumnElement[bool]:
    return exists().where(Job.pk == Chunk.job_pk, Job.state.in_(OPEN_STATES), is_runnable())


def chunk_rows(session: Session, job_id: str) -> list[ChunkRow]:
    """Return the chunks of a job in order."""
    query = select(Chunk).join(Job, Job.pk == Chunk.job_pk).where(Job.id == job_id).order_by(Chunk.index)
    return [chunk_row(chunk, job_id) for chunk in session.scalars(query)]


def chunk_row(chunk: Chunk, job_id: str) -> ChunkRow:
    """Return the values of a chunk."""
    return ChunkRow(
        pk=chunk.pk,
        job_id=job_id,
        index=chunk.index,
        start=chunk.start,
        end=chunk.end,
        space=SpaceId.parse(chunk.space),
        attempts=chunk.attempts,
        done=chunk.done,
        shard_id=chunk.shard_id,
        error=chunk.error,
        owner=chunk.owner,
        leased_until=chunk.leased_until,
    )
