"""Jobs and their events, and the bells of those that were lost."""

from __future__ import annotations

from typing import cast

from sqlalchemy import and_, case, exists, func, or_, select, update

from indexes.audit import LOCAL, Actor, add_audit
from indexes.rows import JobEventRow, JobRow, RingRow
from indexes.tables import Chunk, Job, JobEvent
from indexes.transactions import NOT_FINAL, Rows, goes_on, job_row, lock_job, move_job
from mm.schemas import JobState

RINGS = 1000
"""Most bells given out at once; the others come with the next sweep."""


class JobRows(Rows):
    def get_job(self, job_id: str) -> JobRow | None:
        """The job, or None."""
        with self._database.read() as session:
            job = session.scalar(select(Job).where(Job.id == job_id))
            return None if job is None else job_row(job)

    def list_jobs(self, limit: int) -> list[JobRow]:
        """The latest jobs of uploads, newest first."""
        latest = select(Job).where(Job.move_pk.is_(None)).order_by(Job.pk.desc()).limit(limit)
        with self._database.read() as session:
            return [job_row(job) for job in session.scalars(latest)]

    def waiting_jobs(self) -> int:
        """How many jobs of uploads are queued or running."""
        with self._database.read() as session:
            waiting = select(func.count()).where(Job.state.in_(NOT_FINAL), Job.move_pk.is_(None))
            return session.execute(waiting).scalar_one()

    def update_job(
        self,
        job_id: str,
        *,
        state: JobState | None = None,
        progress: float | None = None,
        stage: str | None = None,
        error: str | None = None,
    ) -> None:
        """Change what is given and note an event, even if nothing changed. Progress never shrinks.

        Nothing happens to a job that is gone or over: a late report must not revive it.
        """
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is not None:
                move_job(session, job, self._now(), state=state, progress=progress, stage=stage, error=error)

    def cancel_job(self, job_id: str, by: Actor = LOCAL) -> None:
        """End the job; whoever works on it notices at the next heartbeat. Nothing happens to one that is gone or over."""
        with self._database.write() as session:
            job = lock_job(session, job_id)
            if job is not None:
                move_job(session, job, self._now(), state="cancelled", stage="cancelled")
                add_audit(session, self._now(), by, "job.cancel", job.id, {"item": job.item_id})

    def quarantine(self, job_id: str, reason: str) -> None:
        """End the job and put its item aside, because work on it fails again and again."""
        self.update_job(job_id, state="quarantined", stage="quarantined", error=reason)

    def events_after(self, job_id: str, after: int, limit: int) -> list[JobEventRow]:
        """Events of a job with ids above `after`, in order."""
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

    def pull_back(self, now: float, lease_seconds: float) -> None:
        """Forget times that lie ahead, as after the clock was set back: else what moved just before would count as moving, and
        the lease of a dead worker as alive, until the clock is there again. A lease counts as taken `now`, so that who works on
        has time to prolong it.
        """
        ahead = [
            update(Job).where(Job.moved_at > now, Job.state.in_(NOT_FINAL)).values(moved_at=now),
            update(Job).where(Job.rung_at > now, Job.state.in_(NOT_FINAL)).values(rung_at=now),
            update(Chunk).where(Chunk.moved_at > now, Chunk.done.is_(False)).values(moved_at=now),
            update(Chunk).where(Chunk.rung_at > now, Chunk.done.is_(False)).values(rung_at=now),
            update(Chunk)
            .where(Chunk.leased_until > now + lease_seconds, Chunk.done.is_(False))
            .values(leased_until=now + lease_seconds),
        ]
        with self._database.write() as session:
            for statement in ahead:
                session.execute(statement)

    def jobs_to_ring(self, now: float, silent_for: float) -> list[RingRow]:
        """What is due, has no live lease, and neither moved nor was rung for `silent_for` seconds; it counts as rung at `now`.

        A job without chunks is to be planned, a chunk that is not done is to be encoded, a job with all chunks done is to be
        finished. A chunk whose lease ran out is due at once. Two who ask at the same moment get different rows.
        """
        since = now - silent_for
        rows: list[RingRow] = []
        with self._database.write() as session:
            chunk_moved = select(func.max(Chunk.moved_at)).where(Chunk.job_pk == Job.pk).scalar_subquery()
            undone = exists().where(Chunk.job_pk == Job.pk, Chunk.done.is_(False))
            due_jobs = (
                select(Job.pk, Job.id, Job.rung_at, chunk_moved.is_not(None), Job.move_pk.is_not(None))
                .where(
                    Job.state.in_(NOT_FINAL),
                    goes_on(),
                    Job.moved_at <= since,
                    Job.rung_at <= since,
                    ~undone,
                    func.coalesce(chunk_moved, 0.0) <= since,
                )
                .order_by(Job.pk)
                .limit(RINGS)
            )
            for pk, job_id, rung_at, planned, moves in session.execute(due_jobs).all():
                rung = update(Job).where(Job.pk == pk, Job.rung_at == rung_at).values(rung_at=now).returning(Job.pk)
                if session.execute(rung).first() is not None:
                    rows.append(RingRow("finish" if planned else "plan", job_id, background=moves))
            ran_out = and_(Chunk.leased_until > 0, Chunk.leased_until <= now, Chunk.rung_at <= Chunk.leased_until)
            silent = and_(Chunk.leased_until <= now, Chunk.moved_at <= since, Chunk.rung_at <= since)
            due_chunks = (
                select(Chunk.pk, Job.id, Chunk.rung_at, Job.move_pk.is_not(None))
                .join(Job, Job.pk == Chunk.job_pk)
                .where(Job.state.in_(NOT_FINAL), goes_on(), Chunk.done.is_(False), or_(ran_out, silent))
                .order_by(case((Chunk.leased_until > 0, 0), else_=1), Chunk.pk)
                .limit(RINGS)
            )
            for pk, job_id, rung_at, moves in session.execute(due_chunks).all():
                rung = update(Chunk).where(Chunk.pk == pk, Chunk.rung_at == rung_at).values(rung_at=now).returning(Chunk.pk)
                if session.execute(rung).first() is not None:
                    rows.append(RingRow("encode", job_id, pk, background=moves))
        return rows
