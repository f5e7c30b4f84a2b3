"""Restoring an item from the trash, in the transaction of its caller."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from indexes.catalog.audit import Actor, add_audit
from indexes.catalog.base import next_seq
from indexes.catalog.queue.transitions import insert_job
from indexes.catalog.tables import Item, Job, Library, Publication, WithdrawnPublication

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TRASHED_STAGE = "the item was moved to the trash"
"""Stage of an upload job that ended because its item was deleted; restoring starts a new one."""


def restore_item(
    session: Session, item: Item, now: datetime, by: Actor, request_id: str | None = None, key_id: str | None = None
) -> Job | None:
    """Make a locked item in the trash an item of the library, searchable where it was before.

    Returns the job that it needs: its own was not over, or the library was reindexed meanwhile.
    """
    item.trashed_at, item.is_described = None, False
    withdrawn = delete(WithdrawnPublication).where(WithdrawnPublication.item_pk == item.pk)
    columns = withdrawn.returning(WithdrawnPublication.space, WithdrawnPublication.num_evidence)
    spaces = dict(session.execute(columns).tuples().all())
    latest = select(Job).where(Job.item_pk == item.pk, Job.reindex_pk.is_(None)).order_by(Job.pk.desc()).limit(1)
    job = session.scalar(latest)
    was_stopped = job is not None and job.state == "cancelled" and job.stage == TRASHED_STAGE
    library_space = session.scalar(select(Library.space))
    is_in_other_space = item.status == "ready" and library_space is not None and library_space not in spaces
    new_job = None
    if was_stopped or is_in_other_space:
        item.status, item.error = "processing", None
        new_job = insert_job(session, item, now, request_id=request_id, key_id=key_id)
    add_audit(session, now, by, "item.restore", item.id, {"name": item.name})
    session.flush()
    for space, num_evidence in sorted(spaces.items()):
        session.add(Publication(item_pk=item.pk, space=space, seq=next_seq(session), num_evidence=num_evidence))
        session.flush()
    return new_job


def find_or_add_job(session: Session, item: Item, now: datetime, request_id: str | None, key_id: str | None) -> tuple[Job, bool]:
    """Return the latest upload job of a locked item, and whether it was created.

    A job is created where there is none, or the item is neither processing nor ready.
    """
    latest = select(Job).where(Job.item_pk == item.pk, Job.reindex_pk.is_(None)).order_by(Job.pk.desc()).limit(1)
    job = session.scalar(latest)
    if job is None or item.status not in {"processing", "ready"}:
        item.status, item.error = "processing", None
        return insert_job(session, item, now, request_id=request_id, key_id=key_id), True
    return job, False
