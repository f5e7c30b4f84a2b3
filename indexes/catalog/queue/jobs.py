"""Jobs and their events: read, updated, cancelled and quarantined."""

from __future__ import annotations

from typing import cast

from sqlalchemy import func, select, update

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.transitions import INGEST, OPEN_STATES, job_row, lock_job, transition_job
from indexes.catalog.records import JobEventRow, JobRow
from indexes.catalog.tables import Chunk, Job, JobEvent, Task
from mm.schemas import JobKind, JobState


class JobRows(CatalogMixin):
    def get_job(self, job_id: str) -> JobRow | None:
        """Return a job, None if there is none."""
        with self._database.read() as session:
            job = session.scalar(select(Job).where(Job.id == job_id))
            return None if job is None else job_row(job)

    def list_jobs(self, limit: int, kind: JobKind | None = INGEST) -> list[JobRow]:
        """Return the latest jobs of a kind, None for any, newest first; none of a reindex."""
        latest = select(Job).where(Job.reindex_pk.is_(None)).order_by(Job.pk.desc()).limit(limit)
        if kind is not None:
            latest = latest.where(Job.kind == kind)
        with self._database.read() as session:
            return [job_row(job) for job in session.scalars(latest)]

    def count_waiting_jobs(self) -> int:
        """Count the jobs that are queued or running, without those of a reindex."""
        with self._database.read() as session:
            waiting = select(func.count()).where(Job.state.in_(OPEN_STATES), Job.reindex_pk.is_(None))
            return session.execute(waiting).scalar_one()

    def has_open_jobs(self) -> bool:
        """Return whether any job, of an upload or of a reindex, is queued or running."""
        with self._database.read() as session:
            return session.scalar(select(Job.pk).where(Job.state.in_(OPEN_STATES)).limit(1)) is not None

    def update_job(
        self,
        job_id: str,
        *,
        state: JobState | None = None,
        progress: float | None = None,
        stage: str | None = None,
        error: str | None = None,
        retry_in: float | None = None,
    ) -> None:
        """Change an open job and insert an event, even without a change. Progress never decreases.

        The job is not planned or finished for `retry_in` seconds. A job that was deleted or is over
        is left unchanged, so that a late report does not reopen it.
        """
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is not None:
                transition_job(session, job, self._now(), state=state, progress=progress, stage=stage, error=error)
                if retry_in is not None:
                    job.due_at = self._clock() + retry_in

    def cancel_job(self, job_id: str, by: Actor = LOCAL) -> None:
        """Cancel a job unless it is over. Its worker fails to extend the lease and stops."""
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is not None:
                transition_job(session, job, self._now(), state="cancelled", stage="cancelled")
                add_audit(session, self._now(), by, "job.cancel", job.id, {"item": job.item_id})

    def quarantine_job(self, job_id: str, reason: str) -> None:
        """End a job, and quarantine its item, after repeated failures."""
        self.update_job(job_id, state="quarantined", stage="quarantined", error=reason)

    def list_events_after(self, job_id: str, after: int, limit: int) -> list[JobEventRow]:
        """Return the events of a job with ids above `after`, in order."""
        query = (
            select(JobEvent)
            .join(Job, Job.pk == JobEvent.job_pk)
            .where(Job.id == job_id, JobEvent.id > after)
            .order_by(JobEvent.id)
            .limit(limit)
        )
        with self._database.read() as session:
            return [
                JobEventRow(
                    id=event.id,
                    job_id=job_id,
                    state=cast(JobState, event.state),
                    progress=event.progress,
                    stage=event.stage,
                    error=event.error,
                )
                for event in session.scalars(query)
            ]

    def clamp_future_times(self, now: float, lease_seconds: float) -> None:
        """Limit stored times to at most one lease after `now`, for a clock that was set back.

        Otherwise a delayed job would wait, and the lease of a dead worker would stay valid, for as
        long as the clock was set back by. A limited lease counts as taken `now`, so that a living
        worker has time to extend it.
        """
        latest = now + lease_seconds
        open_jobs = select(Job.pk).where(Job.state.in_(OPEN_STATES))
        statements = [
            update(Job).where(Job.served_at > now, Job.state.in_(OPEN_STATES)).values(served_at=now),
            update(Job).where(Job.due_at > latest, Job.state.in_(OPEN_STATES)).values(due_at=latest),
            update(Chunk).where(Chunk.changed_at > now, Chunk.job_pk.in_(open_jobs)).values(changed_at=now),
            update(Chunk).where(Chunk.due_at > latest, Chunk.done.is_(False)).values(due_at=latest),
            update(Chunk).where(Chunk.leased_until > latest, Chunk.done.is_(False)).values(leased_until=latest),
            update(Task).where(Task.due_at > latest, Task.done.is_(False)).values(due_at=latest),
            update(Task).where(Task.leased_until > latest, Task.done.is_(False)).values(leased_until=latest),
        ]
        with self._database.write() as session:
            for statement in statements:
                session.execute(statement)
