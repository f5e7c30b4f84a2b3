"""The tables of the catalog. Migrations write them down once more; a test holds the two equal."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
Key = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only where the type is INTEGER."""
AUTOINCREMENT = {"sqlite_autoincrement": True}
"""Numbers of deleted rows do not come back: a late bell or a stale index part must not mean
something else."""


class Utc(TypeDecorator[datetime]):
    """A point in time. Naive values are taken as UTC; SQLite stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        try:
            value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:  # within a day of the ends of the calendar
            value = (datetime.min if value.year == 1 else datetime.max).replace(tzinfo=UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Library(Table):
    """One row. Its lock makes the order of sequence numbers the order of commits, which a sequence
    of a database is not."""

    __tablename__ = "library"
    pk: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    identity: Mapped[str] = mapped_column(String(32))
    """Random: tells an index built from another catalog."""
    head: Mapped[int] = mapped_column(BigInteger)
    space_name: Mapped[str | None]
    """What MM_SPACE calls the space that the library was moved to; null for a library that never
    was."""
    space: Mapped[str | None] = mapped_column(String(64))
    """Its id."""
    revision: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Grows with every item that is added, becomes searchable or is deleted: tells an older copy of
    this catalog."""


class Item(Table):
    __tablename__ = "items"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    duration: Mapped[float] = mapped_column(Double)
    width: Mapped[int]
    height: Mapped[int]
    fps: Mapped[float] = mapped_column(Double)
    has_audio: Mapped[bool] = mapped_column(Boolean)
    status: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Utc, index=True)


class Tag(Table):
    __tablename__ = "tags"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class Job(Table):
    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "move_pk", "key_id", "lane", "turn_at", "pk"), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    item_pk: Mapped[int | None] = mapped_column(ForeignKey("items.pk", ondelete="SET NULL"), index=True)
    item_id: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), index=True)
    progress: Mapped[float] = mapped_column(Double)
    stage: Mapped[str]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Utc)
    updated_at: Mapped[datetime] = mapped_column(Utc)
    served_at: Mapped[float] = mapped_column("turn_at", Double)
    """When a worker last took it up, or when it came; seconds of `time.time()`, as is the
    following."""
    due_at: Mapped[float] = mapped_column(Double, server_default="0")
    """No worker plans or finishes it before this time."""
    request_id: Mapped[str | None] = mapped_column(String(64))
    """Of the request that brought it: what the API's log says of it and the workers' go together by
    this."""
    reindex_pk: Mapped[int | None] = mapped_column("move_pk", Key, index=True)
    """The move that it is a part of; null for the work on an upload."""
    key_id: Mapped[str | None] = mapped_column(String(64))
    """API key that sent it; null where no key is needed."""
    size_class: Mapped[int] = mapped_column("lane", Integer, server_default="1")
    """0 for a short item, 1 for a long one; see `indexes.catalog.queue.scheduling`."""


class Reindex(Table):
    """A library on its way from one space to another. The last row counts, the others are
    history."""

    __tablename__ = "moves"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    source_name: Mapped[str]
    source: Mapped[str] = mapped_column(String(64))
    target_name: Mapped[str]
    target: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    leave_out: Mapped[bool] = mapped_column(Boolean)
    """Whether items that cannot be encoded stay behind."""
    cursor: Mapped[int] = mapped_column(BigInteger)
    """Key of the last item that was given out."""
    error: Mapped[str | None]
    """Why it stopped by itself."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    updated_at: Mapped[datetime] = mapped_column(Utc)


class JobEvent(Table):
    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_pk", "id"), AUTOINCREMENT)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    job_pk: Mapped[int] = mapped_column(ForeignKey("jobs.pk", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Double)
    stage: Mapped[str]
    error: Mapped[str | None]


class Chunk(Table):
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
    changed_at: Mapped[float] = mapped_column("moved_at", Double)
    """Last lease, heartbeat or end of it."""
    due_at: Mapped[float] = mapped_column(Double)
    """No worker takes it before this time."""


class Flow(Table):
    """Service received by one flow of fair queueing; see `indexes.catalog.queue.scheduling`."""

    __tablename__ = "shares"
    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Empty where no key is needed."""
    size_class: Mapped[int] = mapped_column("lane", Integer, primary_key=True, autoincrement=False)
    start_tag: Mapped[float] = mapped_column("begun", Double)
    """Virtual time at which its latest turn began."""
    finish_tag: Mapped[float] = mapped_column("used", Double)
    """Virtual time at which its latest turn ended."""


class Speed(Table):
    """How fast items of a kind were encoded lately."""

    __tablename__ = "speeds"
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    seconds: Mapped[float] = mapped_column(Double)
    """Of work for one picture, or for one second of a video or sound."""


class Segment(Table):
    __tablename__ = "segments"
    __table_args__ = (Index(None, "item_pk", "space", "index", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"))
    space: Mapped[str] = mapped_column(String(64))
    index: Mapped[int]
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    shot: Mapped[int]
    scene_start: Mapped[float | None] = mapped_column(Double)
    scene_end: Mapped[float | None] = mapped_column(Double)

    @property
    def scene(self) -> tuple[float, float] | None:
        """Start and end of the scene that it lies in."""
        return None if self.scene_start is None or self.scene_end is None else (self.scene_start, self.scene_end)


class Evidence(Table):
    __tablename__ = "evidence"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    segment_pk: Mapped[int] = mapped_column(ForeignKey("segments.pk", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    text: Mapped[str | None]
    shard_id: Mapped[str] = mapped_column(String(64), index=True)
    row: Mapped[int]


class UnreadText(Table):
    """Pictures of an item, searchable in a space, whose text was not read while it was encoded."""

    __tablename__ = "unread_text"
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    segments: Mapped[str]
    """A JSON list of the indexes of their segments."""
    pictures: Mapped[int]
    """How many these are."""
    attempts: Mapped[int]
    """Leases since text was last added."""
    owner: Mapped[str | None]
    leased_until: Mapped[float] = mapped_column(Double)
    """Seconds of `time.time()`; 0 without a lease."""
    error: Mapped[str | None]


class Publication(Table):
    """What readers are to load: an item in a space, since when."""

    __tablename__ = "published"
    __table_args__ = (Index(None, "space", "seq"),)
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, unique=True)
    evidence: Mapped[int]


class Tombstone(Table):
    """What readers are to drop: the publication that had the number `published`."""

    __tablename__ = "buried"
    __table_args__ = (Index(None, "space", "seq"),)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space: Mapped[str] = mapped_column(String(64))
    published: Mapped[int] = mapped_column(BigInteger)


class ReleasedFile(Table):
    """SHA-256 of files that lost their row by a command: they are deleted for good, not moved to
    the trash."""

    __tablename__ = "released"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)


class Worker(Table):
    __tablename__ = "workers"
    owner: Mapped[str] = mapped_column(primary_key=True)
    heartbeat_at: Mapped[float] = mapped_column("beat_at", Double, index=True)


class SandboxReport(Table):
    """The layers of the sandbox that hold in a worker, as JSON:
    `mm.media.sandbox.report.LayerReport`."""

    __tablename__ = "worker_layers"
    owner: Mapped[str] = mapped_column(primary_key=True)
    report: Mapped[str]
    reported_at: Mapped[float] = mapped_column(Double)


class WorkMetric(Table):
    """Values of one name that fell into one bucket; see `indexes.catalog.queue.work_metrics`."""

    __tablename__ = "tallies"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[float] = mapped_column(Double)


class Audit(Table):
    """Who changed what. Triggers of the database refuse UPDATE and DELETE; see
    `indexes.catalog.audit`."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "actor", "id"), Index(None, "action", "id"), AUTOINCREMENT)
    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    """Id of an API key, or `local`, `anonymous`, `worker`."""
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text)
    """JSON object."""
    source: Mapped[str | None] = mapped_column(String(32), unique=True)
    """Id of the record that it was copied from, so that copying it again does nothing."""


class Session(Table):
    """A browser that signed in with an API key."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the random token in the cookie; the token is not stored."""
    key_id: Mapped[str] = mapped_column(String(12), index=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    """Seconds of `time.time()`."""
