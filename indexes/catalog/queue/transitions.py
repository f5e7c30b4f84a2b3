"""State transitions of jobs: each locks the job, changes it, and inserts an event."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, or_, select, update

from indexes.catalog.records import JobRow
from indexes.catalog.tables import Item, Job, JobEvent, Reindex
from mm.schemas import FINAL_STATES, ItemStatus, JobKind, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPEN_STATES: tuple[JobState, ...] = ("queued", "running")
STATUS_OF: dict[JobState, ItemStatus] = {
    "queued": "processing",
    "running": "processing",
    "done": "ready",
    "failed": "failed",
    "quarantined": "quarantined",
    "cancelled": "cancelled",
}
"""Status of an item by the state of its upload job."""
INGEST: JobKind = "ingest"
"""Kind of the jobs that have chunks; those of other kinds have tasks."""
WAITING = "waiting"
"""Stage of a job that no worker has begun."""
SHORT_SECONDS = 30.0
"""Maximum duration of a short item. Migration 0007 repeats the value."""


def lock_job(session: Session, job_id: str) -> Job | None:
    """Lock the rows of a job and its item. None if there is no such job or it is over."""
    item_pk = session.scalar(select(Job.item_pk).where(Job.id == job_id))
    if item_pk is not None:
        session.execute(select(Item.pk).where(Item.pk == item_pk).with_for_update())
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    return None if job is None or job.state in FINAL_STATES else job


def transition_job(
    session: Session,
    job: Job,
    now: datetime,
    *,
    state: JobState | None = None,
    progress: float | None = None,
    stage: str | None = None,
    error: str | None = None,
) -> None:
    """Change a locked job and insert an event. The item of an upload job takes the new status."""
    if state is not None and state != job.state:
        job.state = state
        if job.item_pk is not None and job.reindex_pk is None:
            session.execute(update(Item).where(Item.pk == job.item_pk).values(status=STATUS_OF[state], error=error))
    if job.state == "done":
        progress = 1.0
    if progress is not None:
        job.progress = max(job.progress, min(progress, 1.0))
    if stage is not None:
        job.stage = stage
    if error is not None:
        job.error = error
    job.updated_at = now
    insert_job_event(session, job)


def insert_job(
    session: Session,
    item: Item,
    now: datetime,
    *,
    request_id: str | None = None,
    key_id: str | None = None,
    reindex_pk: int | None = None,
) -> Job:
    """Insert a queued job on an item; with `reindex_pk`, as a job of that reindex."""
    job = Job(kind=INGEST, item_pk=item.pk, item_id=item.id, size_class=size_class_of(item.duration), reindex_pk=reindex_pk)
    return insert_queued_job(session, job, now, request_id, key_id)


def insert_queued_job(session: Session, job: Job, now: datetime, request_id: str | None, key_id: str | None) -> Job:
    """Insert a job whose kind and subject are set, as one that waits for its turn."""
    job.id = create_job_id()
    job.state, job.stage, job.progress, job.error = "queued", WAITING, 0.0, None
    job.created_at = job.updated_at = now
    job.served_at, job.due_at = now.timestamp(), 0.0
    job.request_id, job.key_id = request_id, key_id
    session.add(job)
    insert_job_event(session, job)
    return job


def create_job_id() -> str:
    """Create a random id of a job."""
    return f"job_{secrets.token_hex(12)}"


def size_class_of(duration: float) -> int:
    """Return 0 for an item of at most `SHORT_SECONDS`, images included, and 1 for a longer one."""
    return int(duration > SHORT_SECONDS)


def insert_job_event(session: Session, job: Job) -> None:
    """Insert the present state of a locked job as an event. The lock keeps event ids in order."""
    session.flush()
    session.add(JobEvent(job_pk=job.pk, state=job.state, progress=job.progress, stage=job.stage, error=job.error))


def is_runnable() -> ColumnElement[bool]:
    """Condition on `Job`: it belongs to an upload or to a reindex that is running."""
    return or_(Job.reindex_pk.is_(None), Job.reindex_pk.in_(select(Reindex.pk).where(Reindex.state == "running")))


def job_row(job: Job) -> JobRow:
    """Return the values of a job."""
    return JobRow(
        id=job.id,
        kind=cast(JobKind, job.kind),
        item_id=job.item_id,
        state=cast(JobState, job.state),
        progress=job.progress,
        stage=job.stage,
        error=job.error,
        created_at=job.created_at,
        updated_at=job.updated_at,
        request_id=job.request_id,
        reindex_pk=job.reindex_pk,
        payload={} if job.payload is None else json.loads(job.payload),
    )
