"""What the parts of the catalog share: their database, the clock, and how a job is locked and moved
on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, delete, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from indexes.catalog.records import JobRow
from indexes.catalog.tables import (
    Chunk,
    Evidence,
    Item,
    Job,
    JobEvent,
    Library,
    Publication,
    Reindex,
    ReleasedFile,
    Segment,
    Tombstone,
)
from mm.errors import SpaceMismatch
from mm.schemas import FINAL_STATES, ItemStatus, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from indexes.catalog.database import Database

STATUS_OF: dict[JobState, ItemStatus] = {
    "queued": "processing",
    "running": "processing",
    "done": "ready",
    "failed": "failed",
    "quarantined": "quarantined",
    "cancelled": "cancelled",
}
"""What becomes of an item with its job."""
WAITING = "waiting"
"""Stage of a job that nobody began."""
ROWS_PER_STATEMENT = 1000
"""CatalogMixin in one statement; databases limit them."""
CHANNEL = "mm_catalog"
"""Of PostgreSQL's notifications."""
OPEN_STATES: tuple[JobState, ...] = ("queued", "running")
SHORT_SECONDS = 30.0
"""Longest item that counts as short; migration 0007 has it too."""


class LibraryReindexed(SpaceMismatch):
    """Work on an upload was planned for a space that the library has left since: it is to be
    planned anew."""


class CatalogMixin:
    """Base of the catalog's parts."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def lock_job(session: Session, job_id: str) -> Job | None:
    """The job with its item's row and its own locked, None if there is none or it is over."""
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
    """Change a locked job, note the event, and let its item follow, unless the job only moves
    it."""
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
    """A new job on an item, waiting; of a move, if one is given."""
    job = Job(
        id=f"job_{secrets.token_hex(12)}",
        item_pk=item.pk,
        item_id=item.id,
        state="queued",
        progress=0.0,
        stage=WAITING,
        error=None,
        created_at=now,
        updated_at=now,
        served_at=now.timestamp(),
        due_at=0.0,
        request_id=request_id,
        key_id=key_id,
        size_class=size_class_of(item.duration),
        reindex_pk=reindex_pk,
    )
    session.add(job)
    insert_job_event(session, job)
    return job


def size_class_of(duration: float) -> int:
    """0 for an item of at most `SHORT_SECONDS`, pictures included, 1 for a longer one."""
    return int(duration > SHORT_SECONDS)


def insert_job_event(session: Session, job: Job) -> None:
    """Write down how the job is now. Its row is locked, so that events of one job are numbered in
    order."""
    session.flush()
    session.add(JobEvent(job_pk=job.pk, state=job.state, progress=job.progress, stage=job.stage, error=job.error))


def is_runnable() -> ColumnElement[bool]:
    """Whether a job is to be worked on: that of a move rests while the move does."""
    return or_(Job.reindex_pk.is_(None), Job.reindex_pk.in_(select(Reindex.pk).where(Reindex.state == "running")))


def notify_watchers(session: Session) -> None:
    """Make PostgreSQL notify the watchers of the catalog when this transaction commits. SQLite
    counts commits."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {CHANNEL}"))


def next_seq(session: Session) -> int:
    """A sequence number; whoever comes next waits for the end of this transaction."""
    notify_watchers(session)
    session.execute(update(Library).values(head=Library.head + 1))
    return session.execute(select(Library.head)).scalar_one()


def next_revision(session: Session) -> None:
    """Note that the library changed. The last statement of a transaction that locks other rows."""
    session.execute(update(Library).values(revision=Library.revision + 1))


def mark_released(session: Session, digests: Iterable[str | None]) -> None:
    """Note files that lost their row by a command, so that they are deleted for good when no other
    row refers to them.

    Comes after `next_revision` or `next_seq` in a transaction that has one: the rows are locked
    last.
    """
    rows = [{"digest": digest} for digest in sorted({digest for digest in digests if digest is not None})]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        insertion = dialect.insert(ReleasedFile).values(rows[start : start + ROWS_PER_STATEMENT])
        session.execute(insertion.on_conflict_do_nothing())


def shards_of_segments(session: Session, which: ColumnElement[bool]) -> set[str]:
    """Shards that the evidence of some segments refers to."""
    return set(session.scalars(select(Evidence.shard_id).join(Segment, Segment.pk == Evidence.segment_pk).where(which)))


def shards_of_jobs(session: Session, which: ColumnElement[bool]) -> set[str]:
    """Shards that the chunks of some jobs refer to."""
    written = select(Chunk.shard_id).join(Job, Job.pk == Chunk.job_pk).where(which, Chunk.shard_id.is_not(None))
    return {shard_id for shard_id in session.scalars(written) if shard_id is not None}


def add_tombstones(session: Session, item_pk: int, space: str | None = None) -> None:
    """Withdraw what was published of an item, in one space or in all, and tell readers."""
    gone = delete(Publication).where(Publication.item_pk == item_pk)
    if space is not None:
        gone = gone.where(Publication.space == space)
    for name, published in session.execute(gone.returning(Publication.space, Publication.seq)).tuples().all():
        session.execute(insert(Tombstone).values(seq=next_seq(session), space=name, published=published))


def job_row(job: Job) -> JobRow:
    return JobRow(
        id=job.id,
        item_id=job.item_id,
        state=cast(JobState, job.state),
        progress=job.progress,
        stage=job.stage,
        error=job.error,
        created_at=job.created_at,
        updated_at=job.updated_at,
        request_id=job.request_id,
        reindex_pk=job.reindex_pk,
    )
