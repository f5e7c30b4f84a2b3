"""What the mixins of the catalog share: the database, counters, tombstones and released files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from indexes.catalog.tables import Chunk, Evidence, Job, Library, Publication, ReleasedFile, Segment, Tombstone
from mm.errors import SpaceMismatch

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from indexes.catalog.database import Database

ROWS_PER_STATEMENT = 1000
"""Rows or values in one statement; databases limit them."""
CHANNEL = "mm_catalog"
"""Channel of PostgreSQL's notifications."""


class LibraryReindexed(SpaceMismatch):
    """The library was reindexed to another space after a job was planned; the job is replanned."""


class CatalogMixin:
    """Base class of the mixins that `Catalog` consists of, one for each group of tables."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def notify_watchers(session: Session) -> None:
    """Have PostgreSQL notify `CatalogWatch` when this transaction commits. SQLite needs no call."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {CHANNEL}"))


def next_seq(session: Session) -> int:
    """Return the next sequence number. Concurrent calls wait for the end of this transaction."""
    notify_watchers(session)
    session.execute(update(Library).values(head=Library.head + 1))
    return session.execute(select(Library.head)).scalar_one()


def next_revision(session: Session) -> None:
    """Increment the revision of the library. Call it after all other rows are locked."""
    session.execute(update(Library).values(revision=Library.revision + 1))


def mark_released(session: Session, digests: Iterable[str | None]) -> None:
    """Record files whose row was removed by a command, for garbage collection to delete.

    Call it after `next_revision` or `next_seq`: these rows are locked last.
    """
    rows = [{"digest": digest} for digest in sorted({digest for digest in digests if digest is not None})]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        insertion = dialect.insert(ReleasedFile).values(rows[start : start + ROWS_PER_STATEMENT])
        session.execute(insertion.on_conflict_do_nothing())


def shards_of_segments(session: Session, condition: ColumnElement[bool]) -> set[str]:
    """Return the shards to which the evidence of some segments refers."""
    return set(session.scalars(select(Evidence.shard_id).join(Segment, Segment.pk == Evidence.segment_pk).where(condition)))


def shards_of_jobs(session: Session, condition: ColumnElement[bool]) -> set[str]:
    """Return the shards to which the chunks of some jobs refer."""
    written = select(Chunk.shard_id).join(Job, Job.pk == Chunk.job_pk).where(condition, Chunk.shard_id.is_not(None))
    return {shard_id for shard_id in session.scalars(written) if shard_id is not None}


def add_tombstones(session: Session, item_pk: int, space: str | None = None) -> None:
    """Withdraw the publications of an item, in one space or in all, and leave tombstones."""
    withdrawn = delete(Publication).where(Publication.item_pk == item_pk)
    if space is not None:
        withdrawn = withdrawn.where(Publication.space == space)
    for name, seq in session.execute(withdrawn.returning(Publication.space, Publication.seq)).tuples().all():
        session.execute(insert(Tombstone).values(seq=next_seq(session), space=name, publication_seq=seq))
