"""Tables of the work queue: jobs, their chunks and tasks, scheduling, reports of the workers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class Job(Table):
    """The work on one upload, on one item of a reindex, or of another kind that has tasks."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "move_pk", "key_id", "lane", "turn_at", "pk"), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    item_pk: Mapped[int | None] = mapped_column(ForeignKey("items.pk", ondelete="SET NULL"), index=True)
    item_id: Mapped[str] = mapped_column(String(32))
    """Empty for another kind than `ingest`."""
    kind: Mapped[str] = mapped_column(String(16), server_default="ingest")
    payload: Mapped[str | None] = mapped_column(Text)
    """JSON object with the parameters of a job that has tasks."""
    state: Mapped[str] = mapped_column(String(16), index=True)
    progress: Mapped[float] = mapped_column(Double)
    stage: Mapped[str]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Utc)
    updated_at: Mapped[datetime] = mapped_column(Utc)
    served_at: Mapped[float] = mapped_column("turn_at", Double)
    """When a worker last claimed it, or when it was created; seconds of `time.time()`."""
    due_at: Mapped[float] = mapped_column(Double, server_default="0")
    """Not planned or finished before this time; seconds of `time.time()`."""
    request_id: Mapped[str | None] = mapped_column(String(64))
    """Id of the request that created it, which the logs of the API and of the workers share."""
    reindex_pk: Mapped[int | None] = mapped_column("move_pk", Key, index=True)
    """The reindex that it belongs to; null for the work on an upload."""
    key_id: Mapped[str | None] = mapped_column(String(64))
    """API key that sent the upload; null where no key is required."""
    size_class: Mapped[int] = mapped_column("lane", Integer, server_default="1")
    """0 for a short item, 1 for a long one; see `indexes.catalog.queue.scheduling`."""


class JobEvent(Table):
    """State of a job after a change."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_pk", "id"), AUTOINCREMENT)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    job_pk: Mapped[int] = mapped_column(ForeignKey("jobs.pk", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Double)
    stage: Mapped[str]
    error: Mapped[str | None]


class Chunk(Table):
    """A time range of an item that one task encodes, with the lease of the worker on it."""

    __tablename__ = "chunks"
    __table_args__ = (Index(None, "job_pk", "index", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    job_pk: Mapped[int] = mapped_column(ForeignKey("jobs.pk", ondelete="CASCADE"))
    index: Mapped[int]
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    space: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int]
    done: Mapped[bool] = mapped_column(Boolean)
    shard_id: Mapped[str | None] = mapped_column(String(64), index=True)
    error: Mapped[str | None]
    owner: Mapped[str | None]
    leased_until: Mapped[float] = mapped_column(Double)
    """Seconds of `time.time()`; 0 without a lease."""
    changed_at: Mapped[float] = mapped_column("moved_at", Double)
    """Time of the last lease, heartbeat or end of a lease."""
    due_at: Mapped[float] = mapped_column(Double)
    """Not leased before this time."""


class Task(Table):
    """A step of a job of another kind than `ingest`, with the lease of the worker on it."""

    __tablename__ = "tasks"
    __table_args__ = (Index(None, "job_pk", "index", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    job_pk: Mapped[int] = mapped_column(ForeignKey("jobs.pk", ondelete="CASCADE"))
    index: Mapped[int]
    item_pk: Mapped[int | None] = mapped_column(ForeignKey("items.pk", ondelete="SET NULL"), index=True)
    item_id: Mapped[str] = mapped_column(String(32))
    """Item that it reads, also after its deletion; empty without one."""
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    """Seconds of the item; both 0 for an image or without an item."""
    cost: Mapped[float] = mapped_column(Double)
    """Cost in the scheduling order, in seconds of video that take as long."""
    attempts: Mapped[int]
    done: Mapped[bool] = mapped_column(Boolean)
    error: Mapped[str | None]
    """Reason of the last failed attempt; of a done task, why it has no result."""
    owner: Mapped[str | None]
    leased_until: Mapped[float] = mapped_column(Double)
    """Seconds of `time.time()`; 0 without a lease."""
    due_at: Mapped[float] = mapped_column(Double)
    """Not leased before this time."""


class Reindex(Table):
    """A change of the library from one space to another. The last row is the current one."""

    __tablename__ = "moves"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    source_name: Mapped[str]
    source: Mapped[str] = mapped_column(String(64))
    target_name: Mapped[str]
    target: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    leave_out: Mapped[bool] = mapped_column(Boolean)
    """Whether the reindex ends without the items that cannot be encoded."""
    cursor: Mapped[int] = mapped_column(BigInteger)
    """Key of the last item for which a job was created."""
    error: Mapped[str | None]
    """Why the reindex stopped by itself."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    updated_at: Mapped[datetime] = mapped_column(Utc)


class Flow(Table):
    """Tags of the latest unit of a flow; see `indexes.catalog.queue.scheduling`."""

    __tablename__ = "shares"
    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Empty where no key is required."""
    size_class: Mapped[int] = mapped_column("lane", Integer, primary_key=True, autoincrement=False)
    start_tag: Mapped[float] = mapped_column("begun", Double)
    """Virtual time at which its latest unit began."""
    finish_tag: Mapped[float] = mapped_column("used", Double)
    """Virtual time at which its latest unit ended."""


class Speed(Table):
    """Mean encoding time of recent items of a kind."""

    __tablename__ = "speeds"
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    seconds: Mapped[float] = mapped_column(Double)
    """Seconds of work for one image, or for one second of video or audio."""


class UnreadText(Table):
    """Progress of text recognition in a searchable item, with its lease.

    An item that an earlier version finished has no row.
    """

    __tablename__ = "unread_text"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    segments: Mapped[str]
    """JSON list of the images that are left, each as [index of the segment, time, start, end] in
    seconds; an index alone, of an earlier version, is the middle of a segment."""
    num_images: Mapped[int] = mapped_column("pictures")
    """Images that are left."""
    num_done: Mapped[int] = mapped_column("done", default=0, server_default="0")
    """Images on which text recognition has run."""
    num_failed: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[str] = mapped_column(default="[]", server_default="[]")
    """JSON list of the images that are not tried again: [index, time, start, end, reason]."""
    attempts: Mapped[int]
    """Leases since text was last added."""
    owner: Mapped[str | None]
    leased_until: Mapped[float] = mapped_column(Double)
    """Seconds of `time.time()`; 0 without a lease."""
    error: Mapped[str | None]


class Uncaptioned(Table):
    """A searchable item whose captions are still to be written, with its lease."""

    __tablename__ = "uncaptioned"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    next_segment: Mapped[int]
    """Index of the segment from which captions are missing."""
    attempts: Mapped[int]
    """Leases since captions were last added."""
    owner: Mapped[str | None]
    leased_until: Mapped[float] = mapped_column(Double)
    """Seconds of `time.time()`; 0 without a lease."""
    error: Mapped[str | None]


class Worker(Table):
    """The last heartbeat of a worker."""

    __tablename__ = "workers"
    owner: Mapped[str] = mapped_column(primary_key=True)
    heartbeat_at: Mapped[float] = mapped_column("beat_at", Double, index=True)


class SandboxReport(Table):
    """Active sandbox layers of a worker, JSON of `mm.media.sandbox.report.LayerReport`."""

    __tablename__ = "worker_layers"
    owner: Mapped[str] = mapped_column(primary_key=True)
    report: Mapped[str]
    reported_at: Mapped[float] = mapped_column(Double)


class WorkMetric(Table):
    """One bucket of the histogram of a work metric; see `indexes.catalog.queue.work_metrics`."""

    __tablename__ = "tallies"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[float] = mapped_column(Double)
