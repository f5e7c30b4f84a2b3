"""The trash: deleted items, which can be restored until they are deleted for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from indexes.catalog.audit import LOCAL, Actor, AuditDetail, add_audit
from indexes.catalog.base import CatalogMixin, add_tombstones, mark_released, next_revision, shards_of_jobs
from indexes.catalog.curation.restore import TRASHED_STAGE, restore_item
from indexes.catalog.items import ITEM_ID, item_rows
from indexes.catalog.queue.transitions import OPEN_STATES, transition_job
from indexes.catalog.records import ItemRow, TrashSummary
from indexes.catalog.tables import Item, Job, Publication, WithdrawnPublication
from indexes.catalog.tables.visibility import WITH_TRASH

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class TrashRows(CatalogMixin):
    def trash_items(self, item_ids: Sequence[str], by: Actor = LOCAL) -> dict[str, bool]:
        """Move items to the trash in one transaction: no list and no search has them any more.

        Open jobs are cancelled. Segments, captions, tags and files stay. Returns by id whether the
        item was moved; an item that is in the trash already was not, and unknown ids are left out.
        """
        with self._database.write() as session:
            items = _lock_items(session, item_ids)
            moved = {item.id: item.trashed_at is None for item in items}
            now = self._now()
            for item in items:
                if moved[item.id]:
                    self._trash(session, item, now, by)
            if any(moved.values()):
                next_revision(session)
            return moved

    def restore_items(
        self, item_ids: Sequence[str], by: Actor = LOCAL, request_id: str | None = None, key_id: str | None = None
    ) -> tuple[dict[str, bool], bool]:
        """Restore items from the trash in one transaction.

        Returns by id whether the item was restored, and whether a job was created; an item that is
        not in the trash was not restored, and unknown ids are left out.
        """
        with self._database.write() as session:
            items = _lock_items(session, item_ids)
            restored = {item.id: item.trashed_at is not None for item in items}
            jobs = [restore_item(session, item, self._now(), by, request_id, key_id) for item in items if restored[item.id]]
            if any(restored.values()):
                next_revision(session)
            return restored, any(job is not None for job in jobs)

    def list_trash(self, offset: int, limit: int) -> list[ItemRow]:
        """Return up to `limit` items in the trash after the first `offset`, latest first."""
        query = select(Item).where(Item.trashed_at.is_not(None)).order_by(Item.trashed_at.desc(), Item.pk.desc())
        with self._database.read() as session:
            items = session.scalars(query.offset(offset).limit(limit).execution_options(**WITH_TRASH)).all()
            return item_rows(session, items)

    def list_trashed_before(self, time: datetime | None, limit: int) -> list[str]:
        """Return the ids of up to `limit` items that were deleted before a time, oldest first."""
        query = select(Item.id).where(Item.trashed_at.is_not(None)).order_by(Item.trashed_at, Item.pk).limit(limit)
        query = query if time is None else query.where(Item.trashed_at < time)
        with self._database.read() as session:
            return list(session.scalars(query.execution_options(**WITH_TRASH)))

    def summarize_trash(self) -> TrashSummary:
        """Count the items in the trash and the bytes of their files."""
        query = select(func.count(), func.coalesce(func.sum(Item.size), 0)).where(Item.trashed_at.is_not(None))
        with self._database.read() as session:
            items, size = session.execute(query.execution_options(**WITH_TRASH)).tuples().one()
            return TrashSummary(items, int(size))

    def _trash(self, session: Session, item: Item, now: datetime, by: Actor) -> None:
        jobs = session.scalars(select(Job).where(Job.item_pk == item.pk).order_by(Job.pk).with_for_update()).all()
        for job in jobs:
            if job.state in OPEN_STATES:
                transition_job(session, job, now, state="cancelled", stage=TRASHED_STAGE)
        # Without its job, a reindex encodes the item again if it is restored before the end.
        reindex_jobs = [job.pk for job in jobs if job.reindex_pk is not None]
        shards = shards_of_jobs(session, Job.pk.in_(reindex_jobs))
        session.execute(delete(Job).where(Job.pk.in_(reindex_jobs)))
        published = select(Publication.item_pk, Publication.space, Publication.num_evidence)
        rows = [
            {"item_pk": pk, "space": space, "num_evidence": count}
            for pk, space, count in session.execute(published.where(Publication.item_pk == item.pk)).tuples()
        ]
        if rows:
            session.execute(insert(WithdrawnPublication), rows)
        item.trashed_at, item.is_described = now, False
        detail: AuditDetail = {"name": item.name, "sha256": item.sha256, "size": item.size, "status": item.status}
        add_audit(session, now, by, "item.trash", item.id, detail)
        session.flush()
        add_tombstones(session, item.pk)
        mark_released(session, shards)


def _lock_items(session: Session, item_ids: Sequence[str]) -> Sequence[Item]:
    """Lock items in the order of their keys, also those in the trash."""
    ids = {item_id for item_id in item_ids if ITEM_ID.fullmatch(item_id)}
    query = select(Item).where(Item.id.in_(ids)).order_by(Item.pk).with_for_update()
    return session.scalars(query.execution_options(**WITH_TRASH)).all()
